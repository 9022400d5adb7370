//! Requests: what a peer asks, typed, and what this end asks, encoded.

use bytes::Bytes;
use model::{SopClassUid, SopInstanceUid};

use super::set::{CommandSet, NO_DATA_SET, UidFault, Writer, element};
use super::{Response, Status};
use crate::CommandError;

/// Whether a data set follows the command (Command Data Set Type (0000,0800)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dataset {
    /// Fragments of a data set follow.
    Follows,
    /// None follows.
    None,
}

/// The operations of PS3.7 Table E.1-1, by the Command Field of their request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Operation {
    CStore = 0x0001,
    CGet = 0x0010,
    CFind = 0x0020,
    CMove = 0x0021,
    CEcho = 0x0030,
    NEventReport = 0x0100,
    NGet = 0x0110,
    NSet = 0x0120,
    NAction = 0x0130,
    NCreate = 0x0140,
    NDelete = 0x0150,
    CCancel = 0x0FFF,
}

impl Operation {
    /// The operation whose request has this Command Field.
    pub const fn from_field(field: u16) -> Option<Self> {
        Some(match field {
            0x0001 => Operation::CStore,
            0x0010 => Operation::CGet,
            0x0020 => Operation::CFind,
            0x0021 => Operation::CMove,
            0x0030 => Operation::CEcho,
            0x0100 => Operation::NEventReport,
            0x0110 => Operation::NGet,
            0x0120 => Operation::NSet,
            0x0130 => Operation::NAction,
            0x0140 => Operation::NCreate,
            0x0150 => Operation::NDelete,
            0x0FFF => Operation::CCancel,
            _ => return None,
        })
    }

    /// Its name in PS3.7.
    pub const fn name(self) -> &'static str {
        match self {
            Operation::CStore => "C-STORE",
            Operation::CGet => "C-GET",
            Operation::CFind => "C-FIND",
            Operation::CMove => "C-MOVE",
            Operation::CEcho => "C-ECHO",
            Operation::NEventReport => "N-EVENT-REPORT",
            Operation::NGet => "N-GET",
            Operation::NSet => "N-SET",
            Operation::NAction => "N-ACTION",
            Operation::NCreate => "N-CREATE",
            Operation::NDelete => "N-DELETE",
            Operation::CCancel => "C-CANCEL",
        }
    }
}

/// A UID of a request, or why it is none.
pub type Read<T> = Result<T, UidFault>;

/// C-ECHO-RQ (PS3.7 9.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// (0000,0110).
    pub message_id: u16,
    /// (0000,0002).
    pub sop_class: Read<SopClassUid>,
}

/// C-STORE-RQ (PS3.7 9.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// (0000,0110).
    pub message_id: u16,
    /// (0000,0002).
    pub sop_class: Read<SopClassUid>,
    /// (0000,1000).
    pub sop_instance: Read<SopInstanceUid>,
    /// (0000,0700): 0 medium, 1 high, 2 low.
    pub priority: u16,
    /// (0000,1030) and (0000,1031), when the store is a sub-operation of a C-MOVE.
    pub move_originator: Option<(String, u16)>,
}

/// C-FIND-RQ (PS3.7 9.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Find {
    /// (0000,0110).
    pub message_id: u16,
    /// (0000,0002).
    pub sop_class: Read<SopClassUid>,
    /// (0000,0700).
    pub priority: u16,
}

/// C-GET-RQ (PS3.7 9.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Get {
    /// (0000,0110).
    pub message_id: u16,
    /// (0000,0002).
    pub sop_class: Read<SopClassUid>,
    /// (0000,0700).
    pub priority: u16,
}

/// C-MOVE-RQ (PS3.7 9.3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// (0000,0110).
    pub message_id: u16,
    /// (0000,0002).
    pub sop_class: Read<SopClassUid>,
    /// (0000,0700).
    pub priority: u16,
    /// (0000,0600), not judged.
    pub destination: String,
}

/// C-CANCEL-RQ (PS3.7 9.3.2.3): it has no response of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// (0000,0120): the operation to stop.
    pub responded_to: u16,
}

/// A request of the N- services (PS3.7 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Normalized {
    /// Which.
    pub operation: Operation,
    /// (0000,0110).
    pub message_id: u16,
    /// (0000,0003), or (0000,0002) of N-EVENT-REPORT and N-CREATE.
    pub sop_class: Read<SopClassUid>,
    /// (0000,1001), or (0000,1000) of N-EVENT-REPORT and N-CREATE, where N-CREATE may leave it out.
    pub sop_instance: Read<SopInstanceUid>,
    /// (0000,1002) of N-EVENT-REPORT or (0000,1008) of N-ACTION.
    pub type_id: Option<u16>,
}

/// A Command Field that PS3.7 does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownOperation {
    /// (0000,0100).
    pub field: u16,
    /// (0000,0110), or what there is in its place.
    pub message_id: u16,
}

/// A request of the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Request {
    Echo(Echo),
    Store(Store),
    Find(Find),
    Get(Get),
    Move(Move),
    Cancel(Cancel),
    Normalized(Normalized),
    /// To be answered with 0211H (PS3.7 C.5.24).
    Unknown(UnknownOperation),
}

/// A command set, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The peer asks.
    Request(Request, Dataset),
    /// The peer answers.
    Response(Response, Dataset),
}

impl Message {
    /// Reads a whole command set (PS3.7 6.3).
    ///
    /// # Errors
    /// [`CommandError`] when lengths lie, or what the message cannot be answered without is not there.
    pub fn read(bytes: Bytes) -> Result<Self, CommandError> {
        let set = CommandSet::read(bytes)?;
        let field = required(&set, element::COMMAND_FIELD)?;
        let data = match required(&set, element::DATA_SET_TYPE)? {
            NO_DATA_SET => Dataset::None,
            _ => Dataset::Follows,
        };
        // A response is one by its field; where PS3.7 does not have the operation, by what only a response has.
        let known = Operation::from_field(field & 0x7FFF).is_some();
        let answers = set.get(element::STATUS).is_some() && set.get(element::MESSAGE_ID).is_none();
        if field & 0x8000 != 0 && (known || answers) {
            return Ok(Message::Response(Response::read(&set, field)?, data));
        }
        Ok(Message::Request(Request::read(&set, field)?, data))
    }

    /// Whether a data set follows.
    pub fn data(&self) -> Dataset {
        match self {
            Message::Request(_, data) | Message::Response(_, data) => *data,
        }
    }
}

fn required(set: &CommandSet, element: u16) -> Result<u16, CommandError> {
    set.short(element)?.ok_or(CommandError::Missing(element))
}

impl Request {
    fn read(set: &CommandSet, field: u16) -> Result<Self, CommandError> {
        let Some(operation) = Operation::from_field(field) else {
            let answered = set.short(element::MESSAGE_ID)?.or(set.short(element::RESPONDED_TO)?);
            return Ok(Request::Unknown(UnknownOperation { field, message_id: answered.unwrap_or(0) }));
        };
        if operation == Operation::CCancel {
            return Ok(Request::Cancel(Cancel { responded_to: required(set, element::RESPONDED_TO)? }));
        }
        let message_id = required(set, element::MESSAGE_ID)?;
        let priority = set.short(element::PRIORITY)?.unwrap_or(0);
        let sop_class = set.uid(element::AFFECTED_SOP_CLASS).map(SopClassUid::from);
        Ok(match operation {
            Operation::CEcho => Request::Echo(Echo { message_id, sop_class }),
            Operation::CStore => Request::Store(Store {
                message_id,
                sop_class,
                sop_instance: set.uid(element::AFFECTED_SOP_INSTANCE).map(SopInstanceUid::from),
                priority,
                move_originator: move_originator(set)?,
            }),
            Operation::CFind => Request::Find(Find { message_id, sop_class, priority }),
            Operation::CGet => Request::Get(Get { message_id, sop_class, priority }),
            Operation::CMove => Request::Move(Move {
                message_id,
                sop_class,
                priority,
                destination: set.text(element::MOVE_DESTINATION).unwrap_or_default(),
            }),
            normalized => Request::Normalized(Normalized::read(set, normalized, message_id)?),
        })
    }

    /// Which operation it asks for; `None` when PS3.7 does not have it.
    pub fn operation(&self) -> Option<Operation> {
        Some(match self {
            Request::Echo(_) => Operation::CEcho,
            Request::Store(_) => Operation::CStore,
            Request::Find(_) => Operation::CFind,
            Request::Get(_) => Operation::CGet,
            Request::Move(_) => Operation::CMove,
            Request::Cancel(_) => Operation::CCancel,
            Request::Normalized(request) => request.operation,
            Request::Unknown(_) => return None,
        })
    }

    /// Its SOP class, where there is a good one.
    pub fn sop_class(&self) -> Option<SopClassUid> {
        match self {
            Request::Echo(request) => request.sop_class.ok(),
            Request::Store(request) => request.sop_class.ok(),
            Request::Find(request) => request.sop_class.ok(),
            Request::Get(request) => request.sop_class.ok(),
            Request::Move(request) => request.sop_class.ok(),
            Request::Normalized(request) => request.sop_class.ok(),
            Request::Cancel(_) | Request::Unknown(_) => None,
        }
    }

    /// The response to it, with the UIDs that PS3.7 wants repeated; `None` for C-CANCEL, which has none.
    pub fn respond(&self, status: Status) -> Option<Response> {
        let (message_id, field) = match self {
            Request::Echo(request) => (request.message_id, Operation::CEcho as u16),
            Request::Store(request) => return Some(request.respond(status)),
            Request::Find(request) => (request.message_id, Operation::CFind as u16),
            Request::Get(request) => (request.message_id, Operation::CGet as u16),
            Request::Move(request) => (request.message_id, Operation::CMove as u16),
            Request::Normalized(request) => (request.message_id, request.operation as u16),
            Request::Unknown(request) => (request.message_id, request.field),
            Request::Cancel(_) => return None,
        };
        let mut response = Response::new(field, message_id, status);
        response.sop_class = self.sop_class();
        if let Request::Normalized(request) = self {
            response.sop_instance = request.sop_instance.ok();
            response.type_id = request.type_id;
        }
        Some(response)
    }
}

impl Normalized {
    fn read(set: &CommandSet, operation: Operation, message_id: u16) -> Result<Self, CommandError> {
        let affected = matches!(operation, Operation::NEventReport | Operation::NCreate);
        let (class, instance) = if affected {
            (element::AFFECTED_SOP_CLASS, element::AFFECTED_SOP_INSTANCE)
        } else {
            (element::REQUESTED_SOP_CLASS, element::REQUESTED_SOP_INSTANCE)
        };
        let type_id = match operation {
            Operation::NEventReport => set.short(element::EVENT_TYPE)?,
            Operation::NAction => set.short(element::ACTION_TYPE)?,
            _ => None,
        };
        Ok(Self {
            operation,
            message_id,
            sop_class: set.uid(class).map(SopClassUid::from),
            sop_instance: set.uid(instance).map(SopInstanceUid::from),
            type_id,
        })
    }
}

fn move_originator(set: &CommandSet) -> Result<Option<(String, u16)>, CommandError> {
    let title = set.text(element::MOVE_ORIGINATOR).filter(|title| !title.is_empty());
    let id = set.short(element::MOVE_ORIGINATOR_ID)?;
    Ok(title.zip(id))
}

impl Echo {
    /// A C-ECHO-RQ's command set.
    pub fn write(message_id: u16) -> Vec<u8> {
        let mut set = Writer::new();
        set.uid(element::AFFECTED_SOP_CLASS, model::sop_class::VERIFICATION.parse().ok().as_ref())
            .short(element::COMMAND_FIELD, Operation::CEcho as u16)
            .short(element::MESSAGE_ID, message_id)
            .short(element::DATA_SET_TYPE, NO_DATA_SET);
        set.finish()
    }
}

impl Store {
    /// The response to it. UIDs of the request that are none are not repeated.
    pub fn respond(&self, status: Status) -> Response {
        let mut response = Response::new(Operation::CStore as u16, self.message_id, status);
        response.sop_class = self.sop_class.ok();
        response.sop_instance = self.sop_instance.ok();
        response
    }

    /// The C-STORE-RQ's command set; a data set follows.
    pub fn write(&self) -> Vec<u8> {
        let mut set = Writer::new();
        set.uid(element::AFFECTED_SOP_CLASS, self.sop_class.ok().map(|uid| uid.uid()).as_ref())
            .short(element::COMMAND_FIELD, Operation::CStore as u16)
            .short(element::MESSAGE_ID, self.message_id)
            .short(element::PRIORITY, self.priority)
            .short(element::DATA_SET_TYPE, 0)
            .uid(element::AFFECTED_SOP_INSTANCE, self.sop_instance.ok().map(|uid| uid.uid()).as_ref());
        if let Some((title, id)) = &self.move_originator {
            set.text(element::MOVE_ORIGINATOR, Some(title)).short(element::MOVE_ORIGINATOR_ID, *id);
        }
        set.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(elements: &[(u16, &[u8])]) -> Result<Message, CommandError> {
        let mut bytes = Vec::new();
        for (element, value) in elements {
            bytes.extend_from_slice(&[0, 0]);
            bytes.extend_from_slice(&element.to_le_bytes());
            bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
            bytes.extend_from_slice(value);
        }
        Message::read(bytes.into())
    }

    const NONE: (u16, &[u8]) = (element::DATA_SET_TYPE, &[1, 1]);
    const SET: (u16, &[u8]) = (element::DATA_SET_TYPE, &[0, 0]);
    const ID: (u16, &[u8]) = (element::MESSAGE_ID, &[9, 0]);
    const CLASS: (u16, &[u8]) = (element::AFFECTED_SOP_CLASS, b"1.2.840.10008.1.1\0");

    #[test]
    fn operations_are_told_apart() {
        for (field, name) in [
            (0x0001u16, Some("C-STORE")),
            (0x0010, Some("C-GET")),
            (0x0020, Some("C-FIND")),
            (0x0021, Some("C-MOVE")),
            (0x0030, Some("C-ECHO")),
            (0x0100, Some("N-EVENT-REPORT")),
            (0x0110, Some("N-GET")),
            (0x0120, Some("N-SET")),
            (0x0130, Some("N-ACTION")),
            (0x0140, Some("N-CREATE")),
            (0x0150, Some("N-DELETE")),
            (0x9999, None),
            (0x0000, None),
            (0x4242, None),
        ] {
            let found = message(&[(element::COMMAND_FIELD, &field.to_le_bytes()), ID, NONE]).unwrap();
            let Message::Request(request, Dataset::None) = found else { panic!("{field:04X} is no request") };
            assert_eq!(request.operation().map(Operation::name), name, "{field:04X}");
            let response = request.respond(Status::UNRECOGNIZED_OPERATION).unwrap();
            assert_eq!((response.field, response.message_id), (field | 0x8000, 9), "DIMSE-024 {field:04X}");
        }
    }

    #[test]
    fn what_cannot_be_answered_is_an_error() {
        let echo: (u16, &[u8]) = (element::COMMAND_FIELD, &[0x30, 0]);
        for (elements, expected) in [
            (vec![echo, ID, NONE], None),
            (vec![ID, NONE], Some(CommandError::Missing(element::COMMAND_FIELD))),
            (vec![echo, ID], Some(CommandError::Missing(element::DATA_SET_TYPE))),
            (vec![echo, NONE], Some(CommandError::Missing(element::MESSAGE_ID))),
            (
                vec![(element::COMMAND_FIELD, &[0xFF, 0x0F][..]), NONE],
                Some(CommandError::Missing(element::RESPONDED_TO)),
            ),
            (
                vec![echo, (element::MESSAGE_ID, &[1][..]), NONE],
                Some(CommandError::NotShort(element::MESSAGE_ID)),
            ),
        ] {
            assert_eq!(message(&elements).err(), expected, "{elements:?}");
        }
    }

    #[test]
    fn a_store_round_trips() {
        let store = Store {
            message_id: 3,
            sop_class: Ok("1.2.840.10008.5.1.4.1.1.2".parse().unwrap()),
            sop_instance: Ok("1.2.3.4".parse().unwrap()),
            priority: 1,
            move_originator: Some(("VIEWER".to_owned(), 77)),
        };
        let read = Message::read(store.write().into()).unwrap();
        assert_eq!(read, Message::Request(Request::Store(store), Dataset::Follows));
    }

    #[test]
    fn faults_of_uids_stay_with_the_request() {
        let store: (u16, &[u8]) = (element::COMMAND_FIELD, &[1, 0]);
        for (elements, class, instance) in [
            (vec![store, ID, SET], Err(UidFault::Missing), Err(UidFault::Missing)),
            (
                vec![CLASS, store, ID, SET, (element::AFFECTED_SOP_INSTANCE, b"")],
                Ok(()),
                Err(UidFault::Empty),
            ),
            (
                vec![CLASS, store, ID, SET, (element::AFFECTED_SOP_INSTANCE, b"../x")],
                Ok(()),
                Err(UidFault::Invalid),
            ),
            (
                vec![(element::AFFECTED_SOP_CLASS, &b"1.2\\1.3"[..]), store, ID, SET],
                Err(UidFault::Invalid),
                Err(UidFault::Missing),
            ),
        ] {
            let Message::Request(Request::Store(found), _) = message(&elements).unwrap() else {
                panic!("no store")
            };
            assert_eq!(
                (found.sop_class.map(drop), found.sop_instance.map(drop)),
                (class, instance),
                "{elements:?}"
            );
        }
    }
}
