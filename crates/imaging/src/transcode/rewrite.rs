//! A data set on its way out, up to or from behind its pixel data, with some attributes changed.

use std::collections::VecDeque;

use model::recode::ToExplicitLe;
use model::scan::{Element, Sink};
use model::{Tag, VR};

use super::{Change, Value};

const ICON: Tag = Tag(0x0088, 0x0200);
const FLOAT_PIXELS: Tag = Tag(0x7FE0, 0x0008);
const DOUBLE_PIXELS: Tag = Tag(0x7FE0, 0x0009);
const PIXELS: Tag = Tag(0x7FE0, 0x0010);

/// Bytes of an icon that are held until it is known whether it is compressed; a longer one passes.
const HELD_ICON: usize = 1 << 20;

/// A [`Sink`] that writes Explicit VR Little Endian, makes changes at the top level, and stops where the pixel data
/// begins: that is the caller's to write.
///
/// An icon that is compressed in the syntax the data set came in would be unreadable in another, and is left out.
#[derive(Debug)]
pub struct Rewrite {
    out: ToExplicitLe,
    changes: VecDeque<Change>,
    /// The value of the attribute that is passing is not wanted.
    skipping: bool,
    /// The pixel data has begun.
    at_pixels: bool,
    icon: Option<Icon>,
}

/// The icon that is passing.
#[derive(Debug)]
struct Icon {
    /// Where it starts in what is written.
    start: usize,
    /// Sequences that are open, with its own.
    depth: usize,
    compressed: bool,
}

impl Rewrite {
    /// With these changes, which are in the order of their tags.
    pub fn new(changes: Vec<Change>) -> Self {
        Self {
            out: ToExplicitLe::new(),
            changes: changes.into(),
            skipping: false,
            at_pixels: false,
            icon: None,
        }
    }

    /// Whether the pixel data has begun: everything before it is written.
    pub fn is_at_pixels(&self) -> bool {
        self.at_pixels
    }

    /// What has been written since the last time.
    pub fn take(&mut self) -> Vec<u8> {
        match &mut self.icon {
            None => std::mem::take(&mut self.out.out),
            Some(icon) => {
                let held = self.out.out.split_off(icon.start.min(self.out.out.len()));
                icon.start = 0;
                std::mem::replace(&mut self.out.out, held)
            }
        }
    }

    /// Says that the data set is over: attributes that were to be set and did not come follow.
    pub fn finish(&mut self) {
        self.before(None);
    }

    /// Writes what is to be set before this tag, and answers what is to become of the attribute itself.
    fn before(&mut self, tag: Option<Tag>) -> Option<Change> {
        while let Some(change) = self.changes.pop_front() {
            match tag {
                Some(tag) if change.tag > tag => {
                    self.changes.push_front(change);
                    return None;
                }
                Some(tag) if change.tag == tag => return Some(change),
                _ => self.write(change.tag, change.vr, change.value.applied(None)),
            }
        }
        None
    }

    fn write(&mut self, tag: Tag, vr: VR, value: Option<Vec<u8>>) {
        let Some(value) = value else { return };
        let element = Element {
            tag,
            vr,
            length: u32::try_from(value.len()).ok(),
            offset: 0,
            depth: 0,
            explicit: true,
            big_endian: false,
        };
        self.out.element(&element, &value);
    }

    /// Whether the pixel data begins with this element, now or before.
    fn reaches(&mut self, element: &Element) -> bool {
        if element.depth == 0
            && matches!(element.tag, PIXELS | FLOAT_PIXELS | DOUBLE_PIXELS)
            && !self.at_pixels
        {
            self.before(Some(element.tag));
            self.at_pixels = true;
        }
        self.at_pixels
    }

    fn give_up_on_a_long_icon(&mut self) {
        if self
            .icon
            .as_ref()
            .is_some_and(|icon| self.out.out.len() - icon.start.min(self.out.out.len()) > HELD_ICON)
        {
            self.icon = None;
        }
    }
}

impl Sink for Rewrite {
    fn element(&mut self, element: &Element, value: &[u8]) {
        if self.reaches(element) {
            return;
        }
        match (element.depth == 0).then(|| self.before(Some(element.tag))).flatten() {
            Some(change) => self.write(change.tag, element.vr, change.value.applied(Some(value))),
            None => self.out.element(element, value),
        }
    }

    fn long(&mut self, element: &Element) {
        if self.reaches(element) {
            return;
        }
        match (element.depth == 0).then(|| self.before(Some(element.tag))).flatten() {
            // Too long to be held, so it is no text to be added to.
            Some(Change { tag, value: value @ (Value::Set(_) | Value::Absent), .. }) => {
                self.write(tag, element.vr, value.applied(None));
                self.skipping = true;
            }
            _ => self.out.long(element),
        }
    }

    fn bytes(&mut self, chunk: &[u8]) {
        if !self.at_pixels && !self.skipping {
            self.out.bytes(chunk);
            self.give_up_on_a_long_icon();
        }
    }

    fn long_end(&mut self) {
        if !self.at_pixels && !std::mem::take(&mut self.skipping) {
            self.out.long_end();
        }
    }

    fn sequence(&mut self, element: &Element) {
        if self.at_pixels {
            return;
        }
        if element.depth == 0 {
            // Changes are of attributes, not of sequences.
            self.before(Some(element.tag));
        }
        match &mut self.icon {
            Some(icon) => icon.depth += 1,
            None if element.depth == 0 && element.tag == ICON => {
                self.icon = Some(Icon { start: self.out.out.len(), depth: 1, compressed: false });
            }
            None => {}
        }
        self.out.sequence(element);
    }

    fn item(&mut self, length: Option<u32>) {
        if !self.at_pixels {
            self.out.item(length);
        }
    }

    fn item_end(&mut self) {
        if !self.at_pixels {
            self.out.item_end();
        }
    }

    fn sequence_end(&mut self) {
        if self.at_pixels {
            return;
        }
        self.out.sequence_end();
        let Some(icon) = &mut self.icon else { return };
        icon.depth -= 1;
        if icon.depth == 0 {
            if icon.compressed {
                self.out.out.truncate(icon.start);
            }
            self.icon = None;
        }
    }

    fn fragments(&mut self, element: &Element) {
        if self.reaches(element) {
            return;
        }
        if let Some(icon) = &mut self.icon {
            icon.compressed = true;
        }
        self.out.fragments(element);
    }

    fn fragment(&mut self, index: u32, offset: u64, length: u32) {
        if !self.at_pixels {
            self.out.fragment(index, offset, length);
        }
    }

    fn fragments_end(&mut self) {
        if !self.at_pixels {
            self.out.fragments_end();
        }
    }
}
