//! How an instance can be shown at all (PS3.18 Table 8.7.4-1).

use index::InstanceRecord;
use model::transfer_syntax;

/// The category of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Frames that can be rendered.
    Image,
    /// One stream in a form that players know: its media type.
    Video(&'static str),
    /// A structured report or key object selection.
    Report,
    /// A file inside of the instance, of this media type.
    File(&'static str),
    /// A presentation state: how images of other instances are shown.
    State,
    /// Nothing that can be shown.
    Other,
}

/// Grayscale and colour softcopy presentation states (PS3.4 Annex N).
const STATES: [&str; 2] = ["1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.11.2"];

/// Where classes without pixel data begin: other presentation states, waveforms, raw data, registrations, surfaces,
/// measurements, other encapsulated files, radiotherapy but its images and doses, protocols.
const WITHOUT_PIXELS: [&str; 23] = [
    "1.2.840.10008.5.1.4.1.1.11.",
    "1.2.840.10008.5.1.4.1.1.9.",
    "1.2.840.10008.5.1.4.1.1.66",
    "1.2.840.10008.5.1.4.1.1.66.1",
    "1.2.840.10008.5.1.4.1.1.66.2",
    "1.2.840.10008.5.1.4.1.1.66.3",
    "1.2.840.10008.5.1.4.1.1.66.5",
    "1.2.840.10008.5.1.4.1.1.66.6",
    "1.2.840.10008.5.1.4.1.1.67",
    "1.2.840.10008.5.1.4.1.1.68.1",
    "1.2.840.10008.5.1.4.1.1.68.2",
    "1.2.840.10008.5.1.4.1.1.78.",
    "1.2.840.10008.5.1.4.1.1.79.1",
    "1.2.840.10008.5.1.4.1.1.80.1",
    "1.2.840.10008.5.1.4.1.1.104.",
    "1.2.840.10008.5.1.4.1.1.200.",
    "1.2.840.10008.5.1.4.1.1.201.",
    "1.2.840.10008.5.1.4.1.1.481.",
    "1.2.840.10008.5.1.4.34.",
    "1.2.840.10008.5.1.4.38.",
    "1.2.840.10008.5.1.4.39.",
    "1.2.840.10008.5.1.4.43.",
    "1.2.840.10008.5.1.4.45.",
];

/// RT Image and RT Dose, which are images among the objects of radiotherapy.
const RT_IMAGES: [&str; 2] = ["1.2.840.10008.5.1.4.1.1.481.1", "1.2.840.10008.5.1.4.1.1.481.2"];

impl Kind {
    /// What SOP class and transfer syntax say; an image may yet turn out to have no pixel data.
    pub fn of(record: &InstanceRecord) -> Self {
        let class = record.sop_class.as_str();
        let media = transfer_syntax::by_uid(&record.transfer_syntax).map_or("", |syntax| syntax.media_type);
        match class {
            "1.2.840.10008.5.1.4.1.1.104.1" => Self::File("application/pdf"),
            "1.2.840.10008.5.1.4.1.1.104.2" => Self::File("text/xml"),
            class if STATES.contains(&class) => Self::State,
            class if class.starts_with("1.2.840.10008.5.1.4.1.1.88.") => Self::Report,
            class if RT_IMAGES.contains(&class) => Self::Image,
            class if is_without_pixels(class) => Self::Other,
            _ if media.starts_with("video/") => Self::Video(media),
            _ => Self::Image,
        }
    }

    /// A few letters that stand for an instance of the kind without a modality.
    pub(super) fn letters(self) -> &'static str {
        match self {
            Self::Image => "IMG",
            Self::Video(_) => "VID",
            Self::Report => "SR",
            Self::File("application/pdf") => "PDF",
            Self::File(_) => "DOC",
            Self::State => "PR",
            Self::Other => "DCM",
        }
    }
}

fn is_without_pixels(class: &str) -> bool {
    WITHOUT_PIXELS.iter().any(|known| class == *known || (known.ends_with('.') && class.starts_with(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_by_what_can_be_shown_of_them() {
        for (class, without) in [
            ("1.2.840.10008.5.1.4.1.1.2", false),
            ("1.2.840.10008.5.1.4.1.1.66.4", false),
            ("1.2.840.10008.5.1.4.1.1.66", true),
            ("1.2.840.10008.5.1.4.1.1.66.5", true),
            ("1.2.840.10008.5.1.4.1.1.11.4", true),
            ("1.2.840.10008.5.1.4.1.1.9.1.1", true),
            ("1.2.840.10008.5.1.4.1.1.481.3", true),
            ("1.2.840.10008.5.1.4.1.1.104.3", true),
            ("1.2.276.0.1", false),
        ] {
            assert_eq!(is_without_pixels(class), without, "{class}");
        }
    }
}
