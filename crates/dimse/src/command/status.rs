//! Statuses (PS3.7 Annex C, PS3.4 B.2.3, C.4), as a table.

use std::fmt;

/// The Status (0000,0900) of a response.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub u16);

/// What a status means for the operation (PS3.7 C).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatusClass {
    /// Done.
    Success,
    /// Done, with something to look at.
    Warning,
    /// Not done.
    Failure,
    /// Stopped by C-CANCEL.
    Cancel,
    /// More responses follow.
    Pending,
}

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)+) => {
        impl Status {
            $($(#[$doc])* #[doc = $text] pub const $name: Status = Status($code);)+

            /// Every status with a name here.
            pub const ALL: &[(Status, &str)] = &[$((Status::$name, $text)),+];
        }
    };
}

statuses! {
    SUCCESS = 0x0000, "success";
    NO_SUCH_ATTRIBUTE = 0x0105, "no such attribute";
    INVALID_ATTRIBUTE_VALUE = 0x0106, "invalid attribute value";
    ATTRIBUTE_LIST_ERROR = 0x0107, "attribute list error";
    PROCESSING_FAILURE = 0x0110, "processing failure";
    DUPLICATE_SOP_INSTANCE = 0x0111, "duplicate SOP instance";
    NO_SUCH_SOP_INSTANCE = 0x0112, "no such SOP instance";
    NO_SUCH_EVENT_TYPE = 0x0113, "no such event type";
    NO_SUCH_ARGUMENT = 0x0114, "no such argument";
    INVALID_ARGUMENT_VALUE = 0x0115, "invalid argument value";
    ATTRIBUTE_VALUE_OUT_OF_RANGE = 0x0116, "attribute value out of range";
    INVALID_SOP_INSTANCE = 0x0117, "invalid SOP instance";
    NO_SUCH_SOP_CLASS = 0x0118, "no such SOP class";
    CLASS_INSTANCE_CONFLICT = 0x0119, "class-instance conflict";
    MISSING_ATTRIBUTE = 0x0120, "missing attribute";
    MISSING_ATTRIBUTE_VALUE = 0x0121, "missing attribute value";
    SOP_CLASS_NOT_SUPPORTED = 0x0122, "SOP class not supported";
    NO_SUCH_ACTION = 0x0123, "no such action type";
    NOT_AUTHORIZED = 0x0124, "not authorized";
    DUPLICATE_INVOCATION = 0x0210, "duplicate invocation";
    UNRECOGNIZED_OPERATION = 0x0211, "unrecognized operation";
    MISTYPED_ARGUMENT = 0x0212, "mistyped argument";
    RESOURCE_LIMITATION = 0x0213, "resource limitation";
    OUT_OF_RESOURCES = 0xA700, "out of resources";
    CANNOT_COUNT_MATCHES = 0xA701, "out of resources: unable to calculate number of matches";
    CANNOT_PERFORM_SUB_OPERATIONS = 0xA702, "out of resources: unable to perform sub-operations";
    MOVE_DESTINATION_UNKNOWN = 0xA801, "move destination unknown";
    DATA_SET_MISMATCH = 0xA900, "data set does not match SOP class";
    COERCION_OF_DATA_ELEMENTS = 0xB000, "coercion of data elements";
    ELEMENTS_DISCARDED = 0xB006, "elements discarded";
    DATA_SET_MISMATCH_WARNING = 0xB007, "data set does not match SOP class (stored)";
    CANNOT_UNDERSTAND = 0xC000, "cannot understand";
    CANCEL = 0xFE00, "cancelled";
    PENDING = 0xFF00, "pending";
    PENDING_OPTIONAL_KEYS = 0xFF01, "pending: optional keys not supported";
}

impl Status {
    /// What it means for the operation. Codes of no known range are failures.
    pub const fn class(self) -> StatusClass {
        match self.0 {
            0x0000 => StatusClass::Success,
            0x0001 | 0x0107 | 0x0116 | 0xB000..=0xBFFF => StatusClass::Warning,
            0xFE00 => StatusClass::Cancel,
            0xFF00 | 0xFF01 => StatusClass::Pending,
            _ => StatusClass::Failure,
        }
    }

    /// Its name, by range where the last digits are the peer's own.
    pub fn name(self) -> &'static str {
        if let Some((_, name)) = Self::ALL.iter().find(|(status, _)| *status == self) {
            return name;
        }
        match self.0 {
            0xA700..=0xA7FF => "out of resources",
            0xA900..=0xA9FF => "data set does not match SOP class",
            0xB000..=0xBFFF => "warning",
            0xC000..=0xCFFF => "cannot understand",
            _ => "unknown status",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}H {}", self.0, self.name())
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}H", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DIMSE-026: the classes of PS3.4 B.2.3 and PS3.7 Annex C.
    #[test]
    fn classes_and_names() {
        use StatusClass::*;
        for (code, class, name) in [
            (0x0000, Success, "success"),
            (0x0122, Failure, "SOP class not supported"),
            (0x0124, Failure, "not authorized"),
            (0x0107, Warning, "attribute list error"),
            (0x0211, Failure, "unrecognized operation"),
            (0xA700, Failure, "out of resources"),
            (0xA7FE, Failure, "out of resources"),
            (0xA900, Failure, "data set does not match SOP class"),
            (0xA901, Failure, "data set does not match SOP class"),
            (0xB000, Warning, "coercion of data elements"),
            (0xB006, Warning, "elements discarded"),
            (0xB007, Warning, "data set does not match SOP class (stored)"),
            (0xC123, Failure, "cannot understand"),
            (0xFE00, Cancel, "cancelled"),
            (0xFF00, Pending, "pending"),
            (0xFF01, Pending, "pending: optional keys not supported"),
            (0x4242, Failure, "unknown status"),
        ] {
            assert_eq!((Status(code).class(), Status(code).name()), (class, name), "{code:04X}");
        }
        assert_eq!(Status::OUT_OF_RESOURCES.to_string(), "A700H out of resources");
    }

    #[test]
    fn no_code_twice() {
        for (at, (status, _)) in Status::ALL.iter().enumerate() {
            assert!(Status::ALL.iter().skip(at + 1).all(|(other, _)| other != status), "{status}");
        }
    }
}
