//! From attributes as they are read to a data set.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use model::{SopClassUid, SopInstanceUid, Tag, VR};

use super::private;
use super::value::{self, Wrong};
use super::{Described, Draft, Element, Fault, Hole, Instance, Limits, Unfit, Value};

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
const SOP_CLASS: Tag = Tag(0x0008, 0x0016);
const SOP_INSTANCE: Tag = Tag(0x0008, 0x0018);
const PIXEL_REPRESENTATION: Tag = Tag(0x0028, 0x0103);

/// What one element costs beside its value, in bytes.
const ELEMENT: usize = size_of::<Element>() + 16;

/// Addresses of an instance at fault that are kept.
const KEPT: usize = 10_000;

/// Padding may be left out: nothing is lost by it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Takes one data set, attribute by attribute.
///
/// After the first fault it takes nothing in any more but SOP Class and Instance, so that the failure can be told, and
/// the BulkDataURIs, so that their parts are known.
#[derive(Debug)]
pub struct Builder {
    limits: Limits,
    levels: Vec<Level>,
    bulk: Vec<Hole>,
    held: usize,
    elements: usize,
    /// Some text is not ASCII.
    wide: bool,
    fault: Option<Fault>,
    sop_class: Option<SopClassUid>,
    sop_instance: Option<SopInstanceUid>,
}

/// A data set that is open, and its attribute that is.
#[derive(Debug, Default)]
struct Level {
    data: Draft,
    disordered: bool,
    signed: bool,
    /// Private elements that came without their block: their places, and their owners.
    owned: Vec<(usize, String)>,
    open: Open,
}

/// The attribute that is open.
#[derive(Debug, Default)]
struct Open {
    tag: Option<Tag>,
    vr: Option<VR>,
    /// Values as they came, see [`value::Tape`].
    values: value::Tape,
    items: Vec<Draft>,
    inline: Option<Vec<u8>>,
    bulk: Option<String>,
    has_value: bool,
    owner: Option<String>,
}

impl Builder {
    /// A builder with an empty data set open.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            levels: vec![Level::default()],
            bulk: Vec::new(),
            held: 0,
            elements: 0,
            wide: false,
            fault: None,
            sop_class: None,
            sop_instance: None,
        }
    }

    /// Notes what is wrong; the first counts.
    pub fn fail(&mut self, fault: Fault) {
        if self.fault.is_none() {
            self.fault = Some(fault);
            // What is held is not needed any more.
            for level in &mut self.levels {
                level.data = Draft::default();
                level.open.items = Vec::new();
            }
        }
    }

    /// Bytes of memory that are taken so far.
    pub fn held(&self) -> usize {
        self.held
    }

    /// The attribute that is open, for a fault.
    pub fn tag(&self) -> Tag {
        self.levels.last().and_then(|level| level.open.tag).unwrap_or(Tag(0, 0))
    }

    /// The VR of the open attribute, where it is known by now.
    pub fn known_vr(&self) -> Option<VR> {
        self.levels.last().and_then(|level| level.open.vr)
    }

    /// Opens an attribute.
    pub fn begin(&mut self, tag: Tag) {
        if matches!(tag.group(), 0x0000 | 0x0002 | 0xFFFE) {
            self.fail(Fault::Group(tag));
        }
        if let Some(level) = self.levels.last_mut() {
            level.open.clear();
            level.open.tag = Some(tag);
        }
    }

    /// Opens a private attribute of this owner: the last byte of its tag counts, its block is found when the data set is
    /// whole (PS3.19 A.1.5).
    pub fn begin_private(&mut self, tag: Tag, owner: &str) {
        self.begin(Tag(tag.group(), 0x1000 | tag.element() & 0x00FF));
        if tag.group().is_multiple_of(2) || owner.trim().is_empty() || owner.contains('\\') {
            return self.fail(Fault::Creator(tag));
        }
        self.count(owner.len() + size_of::<(usize, String)>());
        self.open().owner = Some(owner.trim().to_owned());
    }

    /// Its VR, as two letters.
    pub fn vr(&mut self, text: &str) {
        let tag = self.tag();
        let Some(vr) = text.as_bytes().try_into().ok().and_then(VR::from_binary) else {
            return self.fail(Fault::Vr(tag));
        };
        let open = self.open();
        if open.vr.replace(vr).is_some() {
            self.fail(Fault::Shape(tag));
        }
    }

    /// It has a Value, perhaps without any values in it.
    pub fn value(&mut self) {
        let tag = self.tag();
        let open = self.open();
        if std::mem::replace(&mut open.has_value, true) {
            self.fail(Fault::Shape(tag));
        }
    }

    /// A text among its values; a number as it is written, or a person name with its groups apart by `=`.
    pub fn text(&mut self, text: &str) {
        self.note(|tape| tape.text(text));
    }

    /// A number among its values, as it is written.
    pub fn number(&mut self, text: &str) {
        self.note(|tape| tape.number(text));
    }

    /// An empty value.
    pub fn null(&mut self) {
        self.note(value::Tape::null);
    }

    fn note(&mut self, add: impl FnOnce(&mut value::Tape)) {
        let limit = self.limits.value;
        let (keep, tag) = (self.keeps(), self.tag());
        let open = self.open();
        if !keep {
            return;
        }
        add(&mut open.values);
        if open.values.len() > limit {
            open.values.clear();
            self.fail(Fault::TooLong { tag, limit });
        }
    }

    /// Whether the open attribute is still of use after a fault.
    fn keeps(&self) -> bool {
        self.fault.is_none() || (self.levels.len() == 1 && matches!(self.tag(), SOP_CLASS | SOP_INSTANCE))
    }

    /// Its value field in base64.
    pub fn inline(&mut self, text: &str) {
        let tag = self.tag();
        if self.fault.is_some() {
            return;
        }
        match BASE64.decode(text) {
            Ok(bytes) => {
                if self.open().inline.replace(bytes).is_some() {
                    self.fail(Fault::Shape(tag));
                }
            }
            Err(_) => self.fail(Fault::Base64(tag)),
        }
    }

    /// Where its value comes from.
    pub fn uri(&mut self, uri: &str) {
        let tag = self.tag();
        if self.open().bulk.replace(uri.to_owned()).is_some() {
            self.fail(Fault::Shape(tag));
        }
    }

    /// Opens an item of the open attribute.
    pub fn open_item(&mut self) {
        self.count(size_of::<Draft>());
        if self.levels.len() > self.limits.depth {
            self.fail(Fault::TooDeep(self.limits.depth));
        }
        self.levels.push(Level::default());
    }

    /// Closes it.
    pub fn close_item(&mut self) {
        let Some(level) = self.levels.pop() else { return };
        let data = self.ordered(level);
        if self.fault.is_none() {
            self.open().items.push(data);
        }
    }

    /// Closes the attribute.
    pub fn end(&mut self) {
        let (level, keeps) = (self.levels.len(), self.keeps());
        let mut open = std::mem::take(self.open());
        let Some(tag) = open.tag else { return };
        if let Some(uri) = open.bulk.take() {
            self.end_bulk(tag, &open, uri);
        } else if keeps {
            let found = self.close(tag, &mut open);
            match found {
                Err(fault) => self.fail(fault),
                Ok(None) => {}
                Ok(Some(element)) => {
                    if level == 1 {
                        self.identify(&element);
                    }
                    self.put(element, open.owner.take());
                }
            }
        }
        // The tape's memory is used again.
        open.clear();
        *self.open() = open;
    }

    fn end_bulk(&mut self, tag: Tag, open: &Open, uri: String) {
        let vr = open.vr.or_else(|| value::listed(tag, false));
        if open.has_value || open.inline.is_some() {
            self.fail(Fault::Shape(tag));
        }
        if vr == Some(VR::SQ) {
            self.fail(Fault::Shape(tag));
        }
        if vr.is_none() {
            self.fail(Fault::NoVr(tag));
        }
        self.count(ELEMENT + uri.len() + size_of::<Hole>());
        // After a fault the addresses are still worth knowing, as long as they are few.
        if self.fault.is_some() && (self.bulk.len() >= KEPT || self.held > self.limits.held) {
            return;
        }
        let number = self.bulk.len();
        let vr = vr.unwrap_or(VR::UN);
        self.bulk.push(Hole { uri, tag, vr, nested: self.levels.len() > 1 });
        self.put(Element { tag, vr, value: Value::Bulk(number) }, open.owner.clone());
    }

    /// The element; `None` for what is left out.
    fn close(&mut self, tag: Tag, open: &mut Open) -> Result<Option<Element>, Fault> {
        // A group length would be wrong by now (PS3.18 F.2.2).
        if tag.element() == 0 {
            return Ok(None);
        }
        let signed = self.levels.last().is_some_and(|level| level.signed);
        let vr = open.vr.or_else(|| value::listed(tag, signed)).ok_or(Fault::NoVr(tag))?;
        if open.inline.is_some() && open.has_value {
            return Err(Fault::Shape(tag));
        }
        let value = match vr {
            VR::SQ if open.values.is_blank() && open.inline.is_none() => {
                Value::Items(std::mem::take(&mut open.items))
            }
            VR::SQ => return Err(Fault::Shape(tag)),
            // `{}` among names is an empty name.
            VR::PN if open.items.iter().all(|item| item.elements.is_empty()) && open.values.is_blank() => {
                Value::Bytes(value::padded(vr, vec![b'\\'; open.items.len().saturating_sub(1)]).into())
            }
            _ if !open.items.is_empty() => return Err(Fault::Shape(tag)),
            _ => Value::Bytes(self.bytes(tag, vr, open)?.into()),
        };
        let bytes = if let Value::Bytes(bytes) = &value { bytes.len() } else { 0 };
        if tag == PIXEL_REPRESENTATION
            && let (Some(level), Value::Bytes(bytes)) = (self.levels.last_mut(), &value)
        {
            level.signed = bytes.first() == Some(&1);
        }
        self.count(ELEMENT + bytes);
        Ok(Some(Element { tag, vr, value }))
    }

    fn bytes(&mut self, tag: Tag, vr: VR, open: &mut Open) -> Result<Vec<u8>, Fault> {
        if let Some(bytes) = open.inline.take() {
            return Ok(value::padded(vr, bytes));
        }
        let encoded = value::encode(vr, &open.values).map_err(|wrong| match wrong {
            Wrong::Value => Fault::Value { tag, vr },
            Wrong::Backslash => Fault::Backslash(tag),
            Wrong::Several => Fault::Several(tag),
        })?;
        self.wide |= value::is_text(vr) && !encoded.is_ascii();
        Ok(value::padded(vr, encoded))
    }

    fn identify(&mut self, element: &Element) {
        let Value::Bytes(bytes) = &element.value else { return };
        match element.tag {
            SOP_CLASS => self.sop_class = SopClassUid::from_value(bytes).ok(),
            SOP_INSTANCE => self.sop_instance = SopInstanceUid::from_value(bytes).ok(),
            _ => {}
        }
    }

    fn put(&mut self, element: Element, owner: Option<String>) {
        if self.fault.is_some() {
            return;
        }
        let Some(level) = self.levels.last_mut() else { return };
        level.owned.extend(owner.map(|owner| (level.data.elements.len(), owner)));
        level.disordered |= level.data.elements.last().is_some_and(|last| last.tag >= element.tag);
        level.data.elements.push(element);
    }

    fn count(&mut self, bytes: usize) {
        self.held = self.held.saturating_add(bytes);
        self.elements += 1;
        if self.held > self.limits.held || self.elements > self.limits.elements {
            self.fail(Fault::TooLarge);
        }
    }

    fn open(&mut self) -> &mut Open {
        if self.levels.is_empty() {
            self.levels.push(Level::default());
        }
        let last = self.levels.len() - 1;
        &mut self.levels[last].open
    }

    /// A level's data set, its tags ascending.
    fn ordered(&mut self, level: Level) -> Draft {
        let Level { mut data, mut disordered, owned, .. } = level;
        if !owned.is_empty() && self.fault.is_none() {
            disordered = true;
            self.wide |= owned.iter().any(|(_, owner)| !owner.is_ascii());
            if let Err(fault) = private::put_into_blocks(&mut data, owned, &mut self.bulk) {
                self.fail(fault);
            }
        }
        if disordered {
            data.elements.sort_by_key(|element| element.tag);
            let twice = data.elements.windows(2).find_map(|pair| match pair {
                [one, other] if one.tag == other.tag => Some(one.tag),
                _ => None,
            });
            if let Some(tag) = twice {
                self.fail(Fault::Duplicate(tag));
            }
        }
        data.elements.shrink_to_fit();
        data
    }

    /// The instance.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn finish(mut self) -> Described {
        let level = self.levels.pop().unwrap_or_default();
        let data = self.ordered(level);
        let identity = self.sop_class.zip(self.sop_instance);
        if let Some(fault) = self.fault {
            let uris = self.bulk.into_iter().map(|hole| hole.uri).collect();
            return Err(Box::new(Unfit { identity, fault, uris }));
        }
        let mut instance = Instance { data, bulk: self.bulk, held: self.held, identity };
        if self.wide {
            in_utf8(&mut instance.data, true);
        }
        Ok(instance)
    }
}

/// Says ISO_IR 192 in the data set and wherever an item has its own character set (PS3.5 6.1.2.5).
fn in_utf8(data: &mut Draft, top: bool) {
    let utf8 = || Value::Bytes(value::padded(VR::CS, b"ISO_IR 192".to_vec()).into());
    match data.elements.binary_search_by_key(&CHARACTER_SET, |element| element.tag) {
        Ok(at) => {
            if let Some(element) = data.elements.get_mut(at) {
                element.value = utf8();
            }
        }
        Err(at) if top => {
            data.elements.insert(at, Element { tag: CHARACTER_SET, vr: VR::CS, value: utf8() });
        }
        Err(_) => {}
    }
    for element in &mut data.elements {
        if let Value::Items(items) = &mut element.value {
            items.iter_mut().for_each(|item| in_utf8(item, false));
        }
    }
}

impl Open {
    fn clear(&mut self) {
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        *self = Open { values, ..Open::default() };
    }
}
