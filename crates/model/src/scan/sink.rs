//! Who listens to a scan.

use super::Element;

/// Receives what the scanner finds, in the order of the bytes. Every method does nothing unless it is overridden.
///
/// How the bytes were cut when they were pushed shows only in how [`Sink::bytes`] is cut, and in how much comes before
/// a damaged or overlong deflate stream is refused. After an error no further event comes, and what is open stays open. Two sinks listen as a pair: `(A, B)`.
pub trait Sink {
    /// A whole value of at most [`super::Limits::held`] bytes, as encoded: padding and byte order are untouched.
    ///
    /// Native pixel data at the top level (7FE0,0008), (7FE0,0009), (7FE0,0010) comes by [`Sink::long`] however short
    /// it is; by this method only when it is empty.
    fn element(&mut self, element: &Element, value: &[u8]) {
        let _ = (element, value);
    }

    /// Start of a longer value, or of native pixel data: [`Element::length`] bytes follow by [`Sink::bytes`], then
    /// [`Sink::long_end`].
    fn long(&mut self, element: &Element) {
        let _ = element;
    }

    /// Bytes of the long value or fragment that is open, never empty: slices of the pushed input, not copies.
    fn bytes(&mut self, chunk: &[u8]) {
        let _ = chunk;
    }

    /// The long value or fragment is complete.
    fn long_end(&mut self) {}

    /// A sequence opens: VR SQ, or UN of undefined length, whose items are in Implicit VR Little Endian.
    fn sequence(&mut self, element: &Element) {
        let _ = element;
    }

    /// An item of the innermost open sequence opens; `None` is undefined length.
    fn item(&mut self, length: Option<u32>) {
        let _ = length;
    }

    /// The innermost open item is complete.
    fn item_end(&mut self) {}

    /// The innermost open sequence is complete.
    fn sequence_end(&mut self) {}

    /// Encapsulated pixel data opens (PS3.5 section A.4): OB or OW of undefined length, mostly (7FE0,0010), at the top
    /// level or in an item (an icon).
    fn fragments(&mut self, element: &Element) {
        let _ = element;
    }

    /// A fragment opens. Index 0 is the item of the Basic Offset Table. `offset` is where its first byte is in the
    /// (inflated) data set, behind the item's header. `length` bytes follow by [`Sink::bytes`], then
    /// [`Sink::long_end`], also when there are none.
    fn fragment(&mut self, index: u32, offset: u64, length: u32) {
        let _ = (index, offset, length);
    }

    /// Encapsulated pixel data is complete.
    fn fragments_end(&mut self) {}
}

/// Checks only.
impl Sink for () {}

macro_rules! forward {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {
        impl<S: Sink + ?Sized> Sink for &mut S {$(
            #[inline]
            fn $method(&mut self, $($name: $type),*) {
                (**self).$method($($name),*);
            }
        )*}

        impl<A: Sink, B: Sink> Sink for (A, B) {$(
            #[inline]
            fn $method(&mut self, $($name: $type),*) {
                self.0.$method($($name),*);
                self.1.$method($($name),*);
            }
        )*}
    };
}

forward! {
    element(element: &Element, value: &[u8]);
    long(element: &Element);
    bytes(chunk: &[u8]);
    long_end();
    sequence(element: &Element);
    item(length: Option<u32>);
    item_end();
    sequence_end();
    fragments(element: &Element);
    fragment(index: u32, offset: u64, length: u32);
    fragments_end();
}
