//! One media range of an `Accept`: a type or a wildcard, a weight, a transfer syntax.

use super::{Framing, MediaType, Offer};

/// Ranges of one `Accept` that are looked at; what follows is ignored.
const MOST_RANGES: usize = 64;

/// A media range that we understand. Others are ignored (PS3.18 8.7.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MediaRange {
    /// `multipart/related` (with the part's type in `main` and `sub`), or one part.
    pub framing: Option<Framing>,
    /// The main type, or `*`.
    pub main: String,
    /// The subtype, or `*`.
    pub sub: String,
    /// Weight in thousandths; 0 excludes (RFC 9110 12.4.2).
    pub weight: u16,
    pub syntax: WantedSyntax,
}

/// The `transfer-syntax` parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WantedSyntax {
    /// Absent: the default of the media type (PS3.18 Tables 8.7.3-1 to -5).
    Unnamed,
    /// `*`: as stored.
    AsStored,
    /// A UID.
    Named(String),
}

impl MediaRange {
    /// Reads the elements of a list; those that make no sense are left out.
    pub(super) fn parse_list(text: &str) -> Vec<Self> {
        elements(text).take(MOST_RANGES).filter_map(Self::parse).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let media = MediaType::parse(text)?;
        let weight = media.parameter("q").map_or(Some(1000), weight)?;
        if media.count("transfer-syntax") > 1 {
            return None;
        }
        let framing = match media.main() {
            "*" => None,
            "multipart" => Some(Framing::Multipart),
            _ => Some(Framing::Single),
        };
        let syntax = media.parameter("transfer-syntax").map(str::to_owned);
        let (named, syntax) = match framing {
            None | Some(Framing::Single) => (media, syntax),
            Some(Framing::Multipart) => {
                // Without a type any kind of part will do; some clients write the transfer syntax inside the type.
                let part = MediaType::parse(media.parameter("type").unwrap_or("*/*"))?;
                let inner = part.parameter("transfer-syntax").map(str::to_owned);
                (part, syntax.or(inner))
            }
        };
        let (main, sub) = present_name(named.main(), named.sub());
        Some(Self {
            framing,
            main: main.to_owned(),
            sub: sub.to_owned(),
            weight,
            syntax: WantedSyntax::parse(syntax)?,
        })
    }

    /// Whether a wildcard stands in it.
    pub(super) fn is_wild(&self) -> bool {
        self.main == "*" || self.sub == "*"
    }

    /// Whether what the `accept` parameter names is within this range of the header (PS3.18 8.3.3.1).
    pub(super) fn covers(&self, named: &MediaRange) -> bool {
        self.weight > 0
            && (self.framing.is_none() || self.framing == named.framing)
            && (self.main == "*" || self.main == named.main)
            && (self.sub == "*" || self.sub == named.sub)
    }

    /// How closely the range names the offer; `None` when it does not. More is closer.
    pub(super) fn closeness(&self, offer: &Offer) -> Option<u8> {
        if self.framing.is_some_and(|framing| framing != offer.framing) {
            return None;
        }
        let (main, sub) = offer.media.split_once('/')?;
        let closeness = match (self.main.as_str(), self.sub.as_str()) {
            // `*/*` stands for the default of the resource, not for whatever there is (PS3.18 8.7.7).
            ("*", _) if offer.is_default => 0,
            (wanted, "*") if wanted == main => 1,
            (wanted, name) if wanted == main && name.eq_ignore_ascii_case(sub) => 2,
            // No DICOM media type, but what general JSON clients ask for.
            ("application", "json") if sub == "dicom+json" => 2,
            _ => return None,
        };
        match &self.syntax {
            WantedSyntax::Unnamed if offer.answers.unnamed => Some(closeness),
            // `image/*` takes any image in the syntax that it has.
            WantedSyntax::Unnamed if self.is_wild() && offer.is_compressed() => Some(closeness),
            WantedSyntax::AsStored if offer.answers.as_stored => Some(closeness),
            WantedSyntax::Named(uid) if offer.answers.named && offer.syntax.is_some_and(|s| s.uid == uid) => {
                Some(closeness + 3)
            }
            _ => None,
        }
    }

    /// Whether the range names a DICOM media type (PS3.18 8.7.3), as against a rendered one.
    pub(super) fn is_dicom(&self) -> bool {
        self.framing == Some(Framing::Multipart)
            || matches!(
                (self.main.as_str(), self.sub.as_str()),
                ("application", "dicom" | "dicom+json" | "dicom+xml" | "octet-stream")
            )
    }

    /// Whether an item of a DICOM media type is named, bare or as a part: for rendered resources, whose parts are
    /// rendered too.
    pub(super) fn names_dicom(&self) -> bool {
        self.main == "application"
            && matches!(self.sub.as_str(), "dicom" | "dicom+json" | "dicom+xml" | "octet-stream")
    }

    /// Whether an item of a rendered media type is named, bare or as a part.
    pub(super) fn names_rendered(&self) -> bool {
        matches!(
            (self.main.as_str(), self.sub.as_str()),
            ("image" | "video", _) | ("text", "html" | "plain" | "xml" | "rtf") | ("application", "pdf")
        )
    }

    /// Whether the range names a rendered media type (PS3.18 8.7.4). Where bulk data is asked for, a single image or
    /// video is bulk data.
    pub(super) fn is_rendered(&self, of_bulk_data: bool) -> bool {
        if self.framing != Some(Framing::Single) {
            return false;
        }
        match (self.main.as_str(), self.sub.as_str()) {
            (_, "*") => false,
            ("image" | "video", _) => !of_bulk_data,
            ("text", "html" | "plain" | "xml" | "rtf") => true,
            ("application", "pdf") => !of_bulk_data,
            _ => false,
        }
    }
}

impl WantedSyntax {
    /// `None` when the value is neither a UID nor `*`.
    fn parse(value: Option<String>) -> Option<Self> {
        match value {
            None => Some(Self::Unnamed),
            Some(any) if any == "*" => Some(Self::AsStored),
            Some(uid) => uid.parse::<model::Uid>().is_ok().then_some(Self::Named(uid)),
        }
    }
}

/// The present name of a type that the Standard called otherwise before (PS3.18 8.7.3.3.2).
fn present_name<'a>(main: &'a str, sub: &'a str) -> (&'a str, &'a str) {
    match (main, sub) {
        ("image", "x-jls") => ("image", "jls"),
        ("image", "x-dicom-rle") => ("image", "dicom-rle"),
        same => same,
    }
}

/// Splits at the commas outside quotes.
fn elements(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |c| {
        let splits = c == ',' && !quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        splits
    })
}

/// A weight in thousandths (RFC 9110 12.4.2). `None` when it is none.
fn weight(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", _) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}
