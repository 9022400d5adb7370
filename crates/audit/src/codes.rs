//! The codes that messages carry (PS3.16 CID 400 to 405, PS3.15 A.5.3, RFC 3881).

/// A code, the system that it is of, and its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) value: &'static str,
    pub(crate) system: &'static str,
    pub(crate) meaning: &'static str,
}

const fn dcm(value: &'static str, meaning: &'static str) -> Code {
    Code { value, system: "DCM", meaning }
}

const fn rfc3881(value: &'static str, meaning: &'static str) -> Code {
    Code { value, system: "RFC-3881", meaning }
}

// Events.
pub(crate) const APPLICATION_ACTIVITY: Code = dcm("110100", "Application Activity");
pub(crate) const AUDIT_LOG_USED: Code = dcm("110101", "Audit Log Used");
pub(crate) const INSTANCES_ACCESSED: Code = dcm("110103", "DICOM Instances Accessed");
pub(crate) const INSTANCES_TRANSFERRED: Code = dcm("110104", "DICOM Instances Transferred");
pub(crate) const STUDY_DELETED: Code = dcm("110105", "DICOM Study Deleted");
pub(crate) const EXPORT: Code = dcm("110106", "Export");
pub(crate) const IMPORT: Code = dcm("110107", "Import");
pub(crate) const QUERY: Code = dcm("110112", "Query");
pub(crate) const SECURITY_ALERT: Code = dcm("110113", "Security Alert");
pub(crate) const USER_AUTHENTICATION: Code = dcm("110114", "User Authentication");

// Their types.
pub(crate) const APPLICATION_START: Code = dcm("110120", "Application Start");
pub(crate) const APPLICATION_STOP: Code = dcm("110121", "Application Stop");
pub(crate) const LOGIN: Code = dcm("110122", "Login");
pub(crate) const LOGOUT: Code = dcm("110123", "Logout");
pub(crate) const NODE_AUTHENTICATION: Code = dcm("110126", "Node Authentication");
pub(crate) const SECURITY_CONFIGURATION: Code = dcm("110129", "Security Configuration");
pub(crate) const SOFTWARE_CONFIGURATION: Code = dcm("110131", "Software Configuration");
pub(crate) const RESTRICTED_FUNCTION: Code = dcm("110132", "Use of Restricted Function");
pub(crate) const RECORDING_STOPPED: Code = dcm("110133", "Audit Recording Stopped");
pub(crate) const RECORDING_STARTED: Code = dcm("110134", "Audit Recording Started");

// Roles of participants.
pub(crate) const APPLICATION: Code = dcm("110150", "Application");
pub(crate) const LAUNCHER: Code = dcm("110151", "Application Launcher");
pub(crate) const DESTINATION: Code = dcm("110152", "Destination Role ID");
pub(crate) const SOURCE: Code = dcm("110153", "Source Role ID");
pub(crate) const DESTINATION_MEDIA: Code = dcm("110154", "Destination Media");
pub(crate) const SOURCE_MEDIA: Code = dcm("110155", "Source Media");

// What identifies an object.
pub(crate) const STUDY_INSTANCE_UID: Code = dcm("110180", "Study Instance UID");
pub(crate) const SOP_CLASS_UID: Code = dcm("110181", "SOP Class UID");
pub(crate) const NODE_ID: Code = dcm("110182", "Node ID");
pub(crate) const PATIENT_NUMBER: Code = rfc3881("2", "Patient Number");
pub(crate) const URI: Code = rfc3881("12", "URI");

/// Study Root Query/Retrieve Information Model - FIND: what a search is a query of.
pub(crate) const STUDY_ROOT_FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
