//! A data set written element by element.

/// VRs whose length field has 32 bits in Explicit VR (PS3.5 7.1.2).
const LONG: &[&[u8; 2]] =
    &[b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"];

/// Bytes of a data set, in ascending order as the caller puts elements in.
#[derive(Clone, Debug, Default)]
pub struct DataSet {
    bytes: Vec<u8>,
    implicit: bool,
    big: bool,
}

impl DataSet {
    /// An empty one in Explicit VR Little Endian.
    pub fn explicit() -> Self {
        Self::default()
    }

    /// An empty one in Implicit VR Little Endian.
    pub fn implicit() -> Self {
        Self { implicit: true, ..Self::default() }
    }

    /// An empty one in Explicit VR Big Endian.
    pub fn big_endian() -> Self {
        Self { big: true, ..Self::default() }
    }

    /// Adds an element with this value field, padded to even length by NUL for UI and binary VRs, else by space.
    pub fn put(mut self, tag: u32, vr: &[u8; 2], value: &[u8]) -> Self {
        let mut value = value.to_vec();
        if value.len() % 2 == 1 {
            let binary = matches!(vr, b"UI" | b"OB" | b"OW" | b"UN");
            value.push(if binary { 0 } else { b' ' });
        }
        self.header(tag, vr, value.len() as u32);
        self.bytes.extend_from_slice(&value);
        self
    }

    /// Adds a text element.
    pub fn text(self, tag: u32, vr: &[u8; 2], value: &str) -> Self {
        self.put(tag, vr, value.as_bytes())
    }

    /// Adds an unsigned short.
    pub fn us(self, tag: u32, value: u16) -> Self {
        let bytes = if self.big { value.to_be_bytes() } else { value.to_le_bytes() };
        self.put(tag, b"US", &bytes)
    }

    /// Adds a sequence of undefined length with these items.
    pub fn sequence(mut self, tag: u32, items: &[DataSet]) -> Self {
        self.header(tag, b"SQ", u32::MAX);
        for item in items {
            self.tag(0xFFFE_E000);
            self.u32(u32::MAX);
            self.bytes.extend_from_slice(&item.bytes);
            self.tag(0xFFFE_E00D);
            self.u32(0);
        }
        self.tag(0xFFFE_E0DD);
        self.u32(0);
        self
    }

    /// Adds encapsulated pixel data: an empty Basic Offset Table and these fragments.
    pub fn fragments(mut self, fragments: &[&[u8]]) -> Self {
        self.header(0x7FE0_0010, b"OB", u32::MAX);
        self.tag(0xFFFE_E000);
        self.u32(0);
        for fragment in fragments {
            self.tag(0xFFFE_E000);
            self.u32(fragment.len() as u32);
            self.bytes.extend_from_slice(fragment);
        }
        self.tag(0xFFFE_E0DD);
        self.u32(0);
        self
    }

    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn header(&mut self, tag: u32, vr: &[u8; 2], length: u32) {
        self.tag(tag);
        if self.implicit {
            return self.u32(length);
        }
        self.bytes.extend_from_slice(vr);
        if LONG.contains(&vr) {
            self.bytes.extend_from_slice(&[0, 0]);
            return self.u32(length);
        }
        let short = length as u16;
        self.bytes.extend_from_slice(&if self.big { short.to_be_bytes() } else { short.to_le_bytes() });
    }

    fn tag(&mut self, tag: u32) {
        for half in [(tag >> 16) as u16, tag as u16] {
            self.bytes.extend_from_slice(&if self.big { half.to_be_bytes() } else { half.to_le_bytes() });
        }
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
    }
}
