//! Responses: written by an SCP, read by an SCU.

use model::{SopClassUid, SopInstanceUid};

use super::Status;
use super::request::Operation;
use super::set::{CommandSet, NO_DATA_SET, Writer, element};
use crate::CommandError;

/// Counts of C-MOVE and C-GET (PS3.4 C.4.2.1.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubOperations {
    /// (0000,1020): only while pending, or when cancelled.
    pub remaining: Option<u16>,
    /// (0000,1021).
    pub completed: u16,
    /// (0000,1022).
    pub failed: u16,
    /// (0000,1023).
    pub warning: u16,
}

/// A response message (PS3.7 9.3 and 10.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// (0000,0100), with the bit of responses set.
    pub field: u16,
    /// (0000,0120) Message ID Being Responded To.
    pub message_id: u16,
    /// (0000,0900).
    pub status: Status,
    /// (0000,0002).
    pub sop_class: Option<SopClassUid>,
    /// (0000,1000).
    pub sop_instance: Option<SopInstanceUid>,
    /// (0000,0902): at most 64 characters of ASCII are sent. Never patient data.
    pub comment: Option<String>,
    /// (0000,1002) of N-EVENT-REPORT or (0000,1008) of N-ACTION.
    pub type_id: Option<u16>,
    /// (0000,1020) to (0000,1023).
    pub sub_operations: Option<SubOperations>,
}

impl Response {
    /// A response to the request with this Command Field and Message ID (DIMSE-022).
    pub fn new(request: u16, message_id: u16, status: Status) -> Self {
        Self {
            field: request | 0x8000,
            message_id,
            status,
            sop_class: None,
            sop_instance: None,
            comment: None,
            type_id: None,
            sub_operations: None,
        }
    }

    /// The same with an Error Comment.
    pub fn with_comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// The operation it answers.
    pub fn operation(&self) -> Option<Operation> {
        Operation::from_field(self.field & 0x7FFF)
    }

    pub(crate) fn read(set: &CommandSet, field: u16) -> Result<Self, CommandError> {
        let message_id =
            set.short(element::RESPONDED_TO)?.ok_or(CommandError::Missing(element::RESPONDED_TO))?;
        let status = set.short(element::STATUS)?.ok_or(CommandError::Missing(element::STATUS))?;
        Ok(Self {
            field,
            message_id,
            status: Status(status),
            sop_class: set.uid(element::AFFECTED_SOP_CLASS).ok().map(SopClassUid::from),
            sop_instance: set.uid(element::AFFECTED_SOP_INSTANCE).ok().map(SopInstanceUid::from),
            comment: set.text(element::ERROR_COMMENT).filter(|text| !text.is_empty()),
            type_id: set.short(element::EVENT_TYPE)?.or(set.short(element::ACTION_TYPE)?),
            sub_operations: sub_operations(set)?,
        })
    }

    /// Its command set. `data` says whether a data set follows.
    pub fn write(&self, data: super::Dataset) -> Vec<u8> {
        let mut set = Writer::new();
        set.uid(element::AFFECTED_SOP_CLASS, self.sop_class.map(|uid| uid.uid()).as_ref())
            .short(element::COMMAND_FIELD, self.field)
            .short(element::RESPONDED_TO, self.message_id)
            .short(element::DATA_SET_TYPE, if data == super::Dataset::None { NO_DATA_SET } else { 0 })
            .short(element::STATUS, self.status.0)
            .text(element::ERROR_COMMENT, self.comment.as_deref().map(short_text).as_deref())
            .uid(element::AFFECTED_SOP_INSTANCE, self.sop_instance.map(|uid| uid.uid()).as_ref());
        if let Some(type_id) = self.type_id {
            let event = self.operation() == Some(Operation::NEventReport);
            set.short(if event { element::EVENT_TYPE } else { element::ACTION_TYPE }, type_id);
        }
        if let Some(counts) = self.sub_operations {
            if let Some(remaining) = counts.remaining {
                set.short(element::REMAINING, remaining);
            }
            set.short(element::COMPLETED, counts.completed)
                .short(element::FAILED, counts.failed)
                .short(element::WARNING, counts.warning);
        }
        set.finish()
    }
}

fn sub_operations(set: &CommandSet) -> Result<Option<SubOperations>, CommandError> {
    let remaining = set.short(element::REMAINING)?;
    let completed = set.short(element::COMPLETED)?;
    if remaining.is_none() && completed.is_none() {
        return Ok(None);
    }
    Ok(Some(SubOperations {
        remaining,
        completed: completed.unwrap_or(0),
        failed: set.short(element::FAILED)?.unwrap_or(0),
        warning: set.short(element::WARNING)?.unwrap_or(0),
    }))
}

/// A value of VR LO that every peer can read: printable ASCII without backslash, at most 64 characters.
fn short_text(text: &str) -> String {
    text.chars().take(64).map(|c| if matches!(c, ' '..='~') && c != '\\' { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Dataset, Message};

    /// DIMSE-021, DIMSE-022: golden bytes of a C-STORE-RSP.
    #[test]
    fn a_store_response_as_bytes() {
        let mut response = Response::new(Operation::CStore as u16, 0x0102, Status::OUT_OF_RESOURCES);
        response.sop_class = Some("1.2.3".parse().unwrap());
        response.sop_instance = Some("1.2.3.4".parse().unwrap());
        let bytes = response.with_comment("no space").write(Dataset::None);
        let mut golden = b"\0\0\0\0\x04\0\0\0\x56\0\0\0".to_vec();
        golden.extend_from_slice(b"\0\0\x02\0\x06\0\0\x001.2.3\0");
        golden.extend_from_slice(b"\0\0\0\x01\x02\0\0\0\x01\x80");
        golden.extend_from_slice(b"\0\0\x20\x01\x02\0\0\0\x02\x01");
        golden.extend_from_slice(b"\0\0\0\x08\x02\0\0\0\x01\x01");
        golden.extend_from_slice(b"\0\0\0\x09\x02\0\0\0\x00\xa7");
        golden.extend_from_slice(b"\0\0\x02\x09\x08\0\0\0no space");
        golden.extend_from_slice(b"\0\0\0\x10\x08\0\0\x001.2.3.4\0");
        assert_eq!(bytes, golden);
    }

    #[test]
    fn responses_round_trip() {
        let mut moved = Response::new(Operation::CMove as u16, 5, Status::PENDING);
        moved.sub_operations =
            Some(SubOperations { remaining: Some(3), completed: 1, failed: 2, warning: 0 });
        let mut event = Response::new(Operation::NEventReport as u16, 6, Status::SUCCESS);
        event.type_id = Some(2);
        let echo = Response::new(Operation::CEcho as u16, 7, Status::SUCCESS).with_comment("fine");
        for response in [moved, event, echo] {
            for data in [Dataset::None, Dataset::Follows] {
                let read = Message::read(response.write(data).into()).unwrap();
                assert_eq!(read, Message::Response(response.clone(), data));
            }
        }
    }

    #[test]
    fn comments_fit_their_vr() {
        for (text, sent) in [
            ("no space", "no space".to_owned()),
            ("a\\b\nc\u{e9}", "a?b?c?".to_owned()),
            (&"x".repeat(100), "x".repeat(64)),
        ] {
            assert_eq!(short_text(text), sent);
        }
    }
}
