//! Who is shown and how it was taken, as the lines of an annotation (PS3.18 8.3.5.1.1).

use super::attributes::Attributes;
use super::tag;

/// Lines of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captions {
    /// Name, ID, birth date and sex.
    pub patient: Vec<String>,
    /// Modality, description, date and time, and how it was taken.
    pub technique: Vec<String>,
}

/// Longest line, in characters.
const LONGEST: usize = 64;

impl Captions {
    /// Those of frame `number`, from 1.
    pub(super) fn read(all: &Attributes<'_>, number: u32) -> Self {
        let text = |tag: &str| all.text(tag).map(|text| text.chars().take(LONGEST).collect::<String>());
        let born = text(tag::BIRTH_DATE).map(|text| date(&text));
        let patient = [
            text(tag::PATIENT_NAME).map(|name| person(&name)),
            text(tag::PATIENT_ID).map(|id| format!("ID {id}")),
            join([born, text(tag::PATIENT_SEX)]),
        ];
        let when = |days: [&str; 3], times: [&str; 2]| {
            let day = days.iter().find_map(|tag| text(tag)).map(|text| date(&text));
            join([day, times.iter().find_map(|tag| text(tag)).map(|text| time(&text))])
        };
        let unit = |name: &str, tag: &str, unit: &str| {
            let value = all.number(tag)?;
            Some(format!("{name}{} {unit}", (value * 100.0).round() / 100.0))
        };
        let frames = all.integer(tag::NUMBER_OF_FRAMES).filter(|frames| *frames > 1);
        let technique = [
            join([text(tag::MODALITY), text(tag::SERIES_DESCRIPTION)]),
            when(
                [tag::ACQUISITION_DATE, tag::CONTENT_DATE, tag::STUDY_DATE],
                [tag::ACQUISITION_TIME, tag::CONTENT_TIME],
            ),
            join([
                unit("", tag::KVP, "kV"),
                unit("", tag::TUBE_CURRENT, "mA"),
                unit("", tag::EXPOSURE, "mAs"),
            ]),
            join([unit("TR ", tag::REPETITION_TIME, "ms"), unit("TE ", tag::ECHO_TIME, "ms")]),
            unit("Slice ", tag::SLICE_THICKNESS, "mm"),
            join([
                text(tag::SERIES_NUMBER).map(|number| format!("Series {number}")),
                text(tag::INSTANCE_NUMBER).map(|number| format!("Image {number}")),
                frames.map(|frames| format!("Frame {number}/{frames}")),
            ]),
        ];
        let lines = |lines: &[Option<String>]| lines.iter().flatten().cloned().collect();
        Self { patient: lines(&patient), technique: lines(&technique) }
    }
}

/// What there is of the parts, side by side; `None` when there is nothing.
fn join<const N: usize>(parts: [Option<String>; N]) -> Option<String> {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("  "))
}

/// A person name for reading: `Family, Given Middle`.
pub(crate) fn person(name: &str) -> String {
    let mut parts = name.split('^').map(str::trim);
    let family = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.take(2).filter(|part| !part.is_empty()).collect();
    match (family, rest.is_empty()) {
        (family, true) => family.to_owned(),
        ("", false) => rest.join(" "),
        (family, false) => format!("{family}, {}", rest.join(" ")),
    }
}

/// A date with dashes, when it is eight digits.
pub(crate) fn date(text: &str) -> String {
    match (text.get(0..4), text.get(4..6), text.get(6..8)) {
        (Some(year), Some(month), Some(day)) if text.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{year}-{month}-{day}")
        }
        _ => text.to_owned(),
    }
}

/// A time of day to the second, when it has one.
pub(crate) fn time(text: &str) -> String {
    match (text.get(0..2), text.get(2..4), text.get(4..6)) {
        (Some(hour), Some(minute), Some(second)) => format!("{hour}:{minute}:{second}"),
        (Some(hour), Some(minute), None) => format!("{hour}:{minute}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable() {
        for (name, expected) in [
            ("Doe^Jane^A^Dr^Jr", "Doe, Jane A"),
            ("Doe", "Doe"),
            ("^Jane", "Jane"),
            ("", ""),
            ("Doe^", "Doe"),
        ] {
            assert_eq!(person(name), expected);
        }
        assert_eq!([date("20240131"), date("2024"), date("2024013é")], ["2024-01-31", "2024", "2024013é"]);
        assert_eq!([time("134501.25"), time("1345"), time("1")], ["13:45:01", "13:45", "1"]);
    }
}
