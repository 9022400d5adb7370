//! Command sets (PS3.7 6.3): group 0000 in Implicit VR Little Endian, read in place, written in order.

use bytes::Bytes;
use model::Uid;

use crate::CommandError;

/// Element numbers of group 0000 (PS3.7 Annex E).
pub mod element {
    /// Command Group Length.
    pub const GROUP_LENGTH: u16 = 0x0000;
    /// Affected SOP Class UID.
    pub const AFFECTED_SOP_CLASS: u16 = 0x0002;
    /// Requested SOP Class UID.
    pub const REQUESTED_SOP_CLASS: u16 = 0x0003;
    /// Command Field.
    pub const COMMAND_FIELD: u16 = 0x0100;
    /// Message ID.
    pub const MESSAGE_ID: u16 = 0x0110;
    /// Message ID Being Responded To.
    pub const RESPONDED_TO: u16 = 0x0120;
    /// Move Destination.
    pub const MOVE_DESTINATION: u16 = 0x0600;
    /// Priority.
    pub const PRIORITY: u16 = 0x0700;
    /// Command Data Set Type.
    pub const DATA_SET_TYPE: u16 = 0x0800;
    /// Status.
    pub const STATUS: u16 = 0x0900;
    /// Error Comment.
    pub const ERROR_COMMENT: u16 = 0x0902;
    /// Affected SOP Instance UID.
    pub const AFFECTED_SOP_INSTANCE: u16 = 0x1000;
    /// Requested SOP Instance UID.
    pub const REQUESTED_SOP_INSTANCE: u16 = 0x1001;
    /// Event Type ID.
    pub const EVENT_TYPE: u16 = 0x1002;
    /// Action Type ID.
    pub const ACTION_TYPE: u16 = 0x1008;
    /// Number of Remaining Sub-operations.
    pub const REMAINING: u16 = 0x1020;
    /// Number of Completed Sub-operations.
    pub const COMPLETED: u16 = 0x1021;
    /// Number of Failed Sub-operations.
    pub const FAILED: u16 = 0x1022;
    /// Number of Warning Sub-operations.
    pub const WARNING: u16 = 0x1023;
    /// Move Originator Application Entity Title.
    pub const MOVE_ORIGINATOR: u16 = 0x1030;
    /// Move Originator Message ID.
    pub const MOVE_ORIGINATOR_ID: u16 = 0x1031;
}

/// The Command Data Set Type that says there is no data set; every other value says there is one.
pub const NO_DATA_SET: u16 = 0x0101;

/// A command set whose lengths hold. Values are looked up in the bytes as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandSet {
    bytes: Bytes,
}

/// Why a UID of a command set is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum UidFault {
    /// The element is not there.
    #[error("is missing")]
    Missing,
    /// It has no value.
    #[error("is empty")]
    Empty,
    /// Its value is no UID (PS3.5 9).
    #[error("is no UID")]
    Invalid,
}

impl CommandSet {
    /// Checks that every element lies within the set and belongs to group 0000.
    ///
    /// The group length is not compared: what was framed is what there is, whatever it says.
    ///
    /// # Errors
    /// [`CommandError`] says where it breaks off.
    pub fn read(bytes: Bytes) -> Result<Self, CommandError> {
        let mut rest = bytes.as_ref();
        while !rest.is_empty() {
            let at = bytes.len() - rest.len();
            let Some((&head, values)) = rest.split_first_chunk::<8>() else {
                return Err(CommandError::Truncated(at));
            };
            let (group, element, length) = split_head(head);
            if group != 0 {
                return Err(CommandError::Group(group));
            }
            let Some((_, after)) = values.split_at_checked(length as usize) else {
                return Err(CommandError::ElementLength { element, length, left: values.len() });
            };
            rest = after;
        }
        Ok(Self { bytes })
    }

    /// The value of the element, as encoded. The first one when it is there twice.
    pub fn get(&self, element: u16) -> Option<&[u8]> {
        self.elements().find(|(number, _)| *number == element).map(|(_, value)| value)
    }

    /// A 16-bit value (US); `None` when the element is missing or empty.
    ///
    /// # Errors
    /// [`CommandError::NotShort`] when it is not two bytes long.
    pub fn short(&self, element: u16) -> Result<Option<u16>, CommandError> {
        match self.get(element) {
            None | Some([]) => Ok(None),
            Some(&[low, high]) => Ok(Some(u16::from_le_bytes([low, high]))),
            Some(_) => Err(CommandError::NotShort(element)),
        }
    }

    /// A UID (UI) without its padding.
    ///
    /// # Errors
    /// [`UidFault`] when it is missing, empty, or none.
    pub fn uid(&self, element: u16) -> Result<Uid, UidFault> {
        let value = self.get(element).ok_or(UidFault::Missing)?;
        if value.iter().all(|b| matches!(b, 0 | b' ')) {
            return Err(UidFault::Empty);
        }
        Uid::from_value(value).map_err(|_| UidFault::Invalid)
    }

    /// A text (AE, LO) without surrounding spaces; bytes beyond ASCII become U+FFFD.
    pub fn text(&self, element: u16) -> Option<String> {
        let value = self.get(element)?;
        let text: String = value
            .iter()
            .map(|&b| if b.is_ascii() { char::from(b) } else { char::REPLACEMENT_CHARACTER })
            .collect();
        Some(text.trim_matches([' ', '\0']).to_owned())
    }

    /// The elements in their order: number and value.
    pub fn elements(&self) -> impl Iterator<Item = (u16, &[u8])> {
        let mut rest = self.bytes.as_ref();
        std::iter::from_fn(move || {
            let (&head, values) = rest.split_first_chunk::<8>()?;
            let (_, element, length) = split_head(head);
            let (value, after) = values.split_at_checked(length as usize)?;
            rest = after;
            Some((element, value))
        })
    }
}

fn split_head([g0, g1, e0, e1, a, b, c, d]: [u8; 8]) -> (u16, u16, u32) {
    (u16::from_le_bytes([g0, g1]), u16::from_le_bytes([e0, e1]), u32::from_le_bytes([a, b, c, d]))
}

/// Writes a command set; elements must come in ascending order.
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn new() -> Self {
        let mut writer = Self { bytes: Vec::with_capacity(256) };
        writer.put(element::GROUP_LENGTH, &[0; 4]);
        writer
    }

    pub(crate) fn short(&mut self, element: u16, value: u16) -> &mut Self {
        self.put(element, &value.to_le_bytes());
        self
    }

    pub(crate) fn uid(&mut self, element: u16, value: Option<&Uid>) -> &mut Self {
        if let Some(value) = value {
            self.padded(element, value.as_str().as_bytes(), 0);
        }
        self
    }

    pub(crate) fn text(&mut self, element: u16, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.padded(element, value.as_bytes(), b' ');
        }
        self
    }

    /// The whole set, its group length set.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let length = (self.bytes.len() - 12) as u32;
        for (byte, value) in self.bytes.iter_mut().skip(8).zip(length.to_le_bytes()) {
            *byte = value;
        }
        self.bytes
    }

    fn padded(&mut self, element: u16, value: &[u8], pad: u8) {
        self.head(element, value.len().next_multiple_of(2));
        self.bytes.extend_from_slice(value);
        if !value.len().is_multiple_of(2) {
            self.bytes.push(pad);
        }
    }

    fn put(&mut self, element: u16, value: &[u8]) {
        self.head(element, value.len());
        self.bytes.extend_from_slice(value);
    }

    fn head(&mut self, element: u16, length: usize) {
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(&element.to_le_bytes());
        self.bytes.extend_from_slice(&(length as u32).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(bytes: &[u8]) -> Result<CommandSet, CommandError> {
        CommandSet::read(Bytes::copy_from_slice(bytes))
    }

    /// DIMSE-021: golden bytes, Implicit VR LE, group length first.
    #[test]
    fn written_as_the_standard_says() {
        let mut writer = Writer::new();
        writer.uid(element::AFFECTED_SOP_CLASS, Some(&"1.2.840.10008.1.1".parse().unwrap()));
        writer.short(element::COMMAND_FIELD, 0x0030).short(element::MESSAGE_ID, 7);
        writer.short(element::DATA_SET_TYPE, NO_DATA_SET);
        let bytes = writer.finish();
        let mut golden = vec![0, 0, 0, 0, 4, 0, 0, 0, 56, 0, 0, 0];
        golden.extend_from_slice(b"\0\0\x02\0\x12\0\0\x001.2.840.10008.1.1\0");
        golden.extend_from_slice(&[0, 0, 0, 1, 2, 0, 0, 0, 0x30, 0]);
        golden.extend_from_slice(&[0, 0, 0x10, 1, 2, 0, 0, 0, 7, 0]);
        golden.extend_from_slice(&[0, 0, 0, 8, 2, 0, 0, 0, 1, 1]);
        assert_eq!(bytes, golden);
        let set = set(&bytes).unwrap();
        assert_eq!(set.uid(element::AFFECTED_SOP_CLASS).unwrap().as_str(), "1.2.840.10008.1.1");
        assert_eq!(set.short(element::MESSAGE_ID), Ok(Some(7)));
        assert_eq!(set.short(element::STATUS), Ok(None));
    }

    #[test]
    fn lengths_that_lie() {
        for (bytes, expected) in [
            (&b""[..], None),
            (b"\0\0\0\x01\x02\0\0\0\x30\0", None),
            (b"\0\0\0\x01\x02\0\0", Some(CommandError::Truncated(0))),
            (
                b"\0\0\0\x01\x02\0\0\0\x30",
                Some(CommandError::ElementLength { element: 0x0100, length: 2, left: 1 }),
            ),
            (
                b"\0\0\0\x01\xff\xff\xff\xff\x30\0",
                Some(CommandError::ElementLength { element: 0x0100, length: u32::MAX, left: 2 }),
            ),
            (b"\x08\0\x18\0\x02\0\0\x001\0", Some(CommandError::Group(8))),
        ] {
            assert_eq!(set(bytes).err(), expected, "{bytes:02X?}");
        }
    }

    #[test]
    fn shorts_have_two_bytes() {
        for (bytes, expected) in [
            (&b"\0\0\0\x01\x02\0\0\0\x30\0"[..], Ok(Some(0x30))),
            (b"\0\0\0\x01\0\0\0\0", Ok(None)),
            (b"\0\0\0\x01\x01\0\0\0\x30", Err(CommandError::NotShort(0x0100))),
            (b"\0\0\0\x01\x04\0\0\0\x30\0\0\0", Err(CommandError::NotShort(0x0100))),
        ] {
            assert_eq!(set(bytes).unwrap().short(element::COMMAND_FIELD), expected, "{bytes:02X?}");
        }
    }

    /// Section "bad input": no text of a command becomes a UID unless it is one.
    #[test]
    fn uids_are_parsed_once() {
        let long = "1.".repeat(32) + "1";
        for (value, expected) in [
            ("1.2.3", Ok("1.2.3")),
            ("1.2.3\0", Ok("1.2.3")),
            ("1.2.3 ", Ok("1.2.3")),
            ("1.02.3", Ok("1.02.3")),
            ("", Err(UidFault::Empty)),
            ("\0\0", Err(UidFault::Empty)),
            ("../../etc", Err(UidFault::Invalid)),
            ("1.2/3", Err(UidFault::Invalid)),
            ("1.2\\1.3", Err(UidFault::Invalid)),
            ("1.2\r\n", Err(UidFault::Invalid)),
            ("1.2\x001", Err(UidFault::Invalid)),
            ("1..2", Err(UidFault::Invalid)),
            ("1.a", Err(UidFault::Invalid)),
            (&long, Err(UidFault::Invalid)),
        ] {
            let mut writer = Writer::new();
            writer.put(element::AFFECTED_SOP_INSTANCE, value.as_bytes());
            let found = set(&writer.finish()).unwrap().uid(element::AFFECTED_SOP_INSTANCE);
            assert_eq!(found.as_ref().map(Uid::as_str), expected.as_ref().copied(), "{value:?}");
        }
        assert_eq!(set(b"").unwrap().uid(element::AFFECTED_SOP_INSTANCE), Err(UidFault::Missing));
    }
}
