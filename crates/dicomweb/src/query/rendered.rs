//! The parameters of rendered resources and thumbnails (PS3.18 8.3.5).

use super::retrieve::set;
use super::{QueryError, pairs, shown};

/// Largest width and height of a viewport.
pub const LARGEST_VIEWPORT: u32 = 16_384;

/// How a rendered resource is wanted. Values are checked as far as they can be without the target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RenderedRequest {
    /// `annotation`: what is to be written onto the picture.
    pub annotation: Option<Annotations>,
    /// `quality`, 1 to 100.
    pub quality: Option<u8>,
    /// `viewport`.
    pub viewport: Option<Viewport>,
    /// `window`.
    pub window: Option<Window>,
    /// `iccprofile`.
    pub profile: Option<ProfileName>,
}

/// The keywords of `annotation`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// `patient`
    pub patient: bool,
    /// `technique`
    pub technique: bool,
    /// Keywords that we do not know: to be ignored with a Warning.
    pub unknown: Vec<String>,
}

/// `vw,vh[,sx,sy,sw,sh]`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Viewport {
    /// Most columns of the result.
    pub width: u32,
    /// Most rows of the result.
    pub height: u32,
    /// The part of the source, where one is given.
    pub source: Option<Source>,
}

/// `sx`, `sy`, `sw` and `sh`, in pixels of the source; not 0, and negative for a flip.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Source {
    /// First column.
    pub x: Option<f64>,
    /// First row.
    pub y: Option<f64>,
    /// Columns.
    pub width: Option<f64>,
    /// Rows.
    pub height: Option<f64>,
}

/// `center,width,function`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// The centre.
    pub center: f64,
    /// The width: from 1 on for `linear`, above 0 for the others.
    pub width: f64,
    /// The shape.
    pub function: Function,
}

/// The function of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `linear`
    Linear,
    /// `linear-exact`
    LinearExact,
    /// `sigmoid`
    Sigmoid,
}

/// The values of `iccprofile`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileName {
    /// `no`
    No,
    /// `yes`
    Yes,
    /// `srgb`
    Srgb,
    /// `adobergb`
    AdobeRgb,
    /// `rommrgb`
    RommRgb,
}

impl RenderedRequest {
    /// Reads a query string, still percent-encoded. Parameters that it does not know are ignored.
    ///
    /// # Errors
    /// [`QueryError`]: a parameter that is supported and has a bad value is never ignored (PS3.18 8.3.5).
    pub fn parse(query: &str) -> Result<Self, QueryError> {
        let mut request = Self::default();
        for (name, value) in pairs::read(query)? {
            match name.as_ref() {
                "annotation" => set(&mut request.annotation, &name, annotation(&value)?)?,
                "quality" => set(&mut request.quality, &name, quality(&value)?)?,
                "viewport" => set(&mut request.viewport, &name, viewport(&value)?)?,
                "window" => set(&mut request.window, &name, window(&value)?)?,
                "iccprofile" => set(&mut request.profile, &name, profile(&value)?)?,
                _ => {}
            }
        }
        Ok(request)
    }

    /// Reads the one parameter of a thumbnail, `viewport=vw,vh` (PS3.18 8.3.5.1.3).
    ///
    /// # Errors
    /// [`QueryError`]; also for a viewport with a part of the source.
    pub fn parse_thumbnail(query: &str) -> Result<Option<Viewport>, QueryError> {
        let mut found = None;
        for (name, value) in pairs::read(query)? {
            if name == "viewport" {
                set(&mut found, &name, viewport(&value)?)?;
            }
        }
        match found {
            Some(Viewport { source: Some(_), .. }) => {
                Err(wrong("viewport", "of a thumbnail has a width and a height and nothing else"))
            }
            found => Ok(found),
        }
    }
}

fn wrong(name: &str, problem: &str) -> QueryError {
    QueryError::Value { name: name.to_owned(), problem: problem.to_owned() }
}

fn annotation(text: &str) -> Result<Annotations, QueryError> {
    let mut found = Annotations::default();
    for keyword in text.split(',').map(str::trim) {
        let is_keyword = !keyword.is_empty()
            && keyword.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !is_keyword {
            return Err(wrong("annotation", "is no list of keywords such as patient,technique"));
        }
        match keyword {
            "patient" => found.patient = true,
            "technique" => found.technique = true,
            unknown => found.unknown.push(shown(unknown)),
        }
    }
    Ok(found)
}

fn quality(text: &str) -> Result<u8, QueryError> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && (1..=100).contains(number));
    number.ok_or_else(|| wrong("quality", "is no whole number from 1 to 100"))
}

fn viewport(text: &str) -> Result<Viewport, QueryError> {
    let problem = || wrong("viewport", "is not vw,vh or vw,vh,sx,sy,sw,sh in pixels");
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let [width, height, source @ ..] = parts.as_slice() else { return Err(problem()) };
    let side = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let side = text.parse().ok().filter(|side: &u32| digits && *side > 0).ok_or_else(problem)?;
        match side <= LARGEST_VIEWPORT {
            true => Ok(side),
            false => Err(wrong("viewport", &format!("is wider or higher than {LARGEST_VIEWPORT} pixels"))),
        }
    };
    let (width, height) = (side(width)?, side(height)?);
    if source.len() > 4 {
        return Err(problem());
    }
    let part = |at: usize| match source.get(at) {
        None | Some(&"") => Ok(None),
        Some(text) => decimal(text).map(Some).ok_or_else(problem),
    };
    let found = Source { x: part(0)?, y: part(1)?, width: part(2)?, height: part(3)? };
    let starts = [found.x, found.y].into_iter().flatten().all(|start| start >= 0.0);
    let lengths = [found.width, found.height].into_iter().flatten().all(|length| length != 0.0);
    if !starts || !lengths {
        return Err(problem());
    }
    Ok(Viewport { width, height, source: (found != Source::default()).then_some(found) })
}

fn window(text: &str) -> Result<Window, QueryError> {
    let problem = || wrong("window", "is not center,width,function with linear, linear-exact or sigmoid");
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let [center, width, function] = *parts.as_slice() else { return Err(problem()) };
    let center = decimal(center).ok_or_else(problem)?;
    let width = decimal(width).ok_or_else(problem)?;
    let function = match function {
        "linear" => Function::Linear,
        "linear-exact" => Function::LinearExact,
        "sigmoid" => Function::Sigmoid,
        _ => return Err(problem()),
    };
    match function {
        Function::Linear if width < 1.0 => {
            Err(wrong("window", "has a width below 1, which linear cannot have"))
        }
        _ if width <= 0.0 => Err(wrong("window", "has a width that is not above 0")),
        _ => Ok(Window { center, width, function }),
    }
}

fn profile(text: &str) -> Result<ProfileName, QueryError> {
    Ok(match text {
        "no" => ProfileName::No,
        "yes" => ProfileName::Yes,
        "srgb" => ProfileName::Srgb,
        "adobergb" => ProfileName::AdobeRgb,
        "rommrgb" => ProfileName::RommRgb,
        _ => return Err(wrong("iccprofile", "is none of no, yes, srgb, adobergb and rommrgb")),
    })
}

/// A decimal number of a size that pixels and their values have.
fn decimal(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    (plain && number.is_finite() && number.abs() < 1e12).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(query: &str) -> bool {
        RenderedRequest::parse(query).is_err()
    }

    #[test]
    fn rend_005_qualities() {
        for (query, expected) in [("quality=1", Some(1)), ("quality=100", Some(100)), ("", None)] {
            assert_eq!(RenderedRequest::parse(query).expect(query).quality, expected);
        }
        for query in ["0", "101", "x", "", "1.5", "-1", "+1", "1&quality=1"] {
            assert!(fails(&format!("quality={query}")), "{query}");
        }
    }

    #[test]
    fn rend_006_008_windows() {
        let window = |center, width, function| Some(Window { center, width, function });
        for (value, expected) in [
            ("40,400,linear", window(40.0, 400.0, Function::Linear)),
            ("-1e3,0.5,sigmoid", window(-1000.0, 0.5, Function::Sigmoid)),
            ("0.25,0.5,linear-exact", window(0.25, 0.5, Function::LinearExact)),
            ("40,1,linear", window(40.0, 1.0, Function::Linear)),
        ] {
            assert_eq!(RenderedRequest::parse(&format!("window={value}")).expect(value).window, expected);
        }
        for value in [
            "",
            "40",
            "40,400",
            "40,400,",
            "40,400,cubic",
            "40,400,LINEAR",
            "40,,linear",
            "x,400,linear",
            "40,0,linear",
            "40,0.9,linear",
            "40,0,sigmoid",
            "40,-1,linear-exact",
            "40,nan,linear",
            "40,inf,linear",
            "40,400,linear,1",
        ] {
            assert!(fails(&format!("window={value}")), "{value}");
        }
    }

    #[test]
    fn rend_009_010_viewports() {
        let source = |x, y, width, height| Some(Source { x, y, width, height });
        for (value, expected) in [
            ("100,50", (100, 50, None)),
            ("512,512,,,512,512", (512, 512, source(None, None, Some(512.0), Some(512.0)))),
            ("512,512,10", (512, 512, source(Some(10.0), None, None, None))),
            ("512,512,0,5.5,-20,-30", (512, 512, source(Some(0.0), Some(5.5), Some(-20.0), Some(-30.0)))),
            ("9,9,,,,", (9, 9, None)),
        ] {
            let found = RenderedRequest::parse(&format!("viewport={value}")).expect(value).viewport;
            let (width, height, source) = expected;
            assert_eq!(found, Some(Viewport { width, height, source }), "{value}");
        }
        for value in [
            "",
            "100",
            "0,100",
            "100,0",
            "-1,100",
            "100,x",
            "1.5,100",
            "100,100,x",
            "100,100,,,0,10",
            "100,100,-1",
            "100,100,1,2,3,4,5",
            "16385,1",
            "100,100,,,inf",
            "4294967296,1",
        ] {
            assert!(fails(&format!("viewport={value}")), "{value}");
            assert!(RenderedRequest::parse_thumbnail(&format!("viewport={value}")).is_err(), "{value}");
        }
        assert!(RenderedRequest::parse_thumbnail("viewport=100,100,1").is_err());
        let found = RenderedRequest::parse_thumbnail("viewport=64,32&quality=x").expect("a viewport");
        assert_eq!(found, Some(Viewport { width: 64, height: 32, source: None }));
    }

    #[test]
    fn rend_012_annotations_and_014_profiles() {
        let known = |patient, technique| Annotations { patient, technique, unknown: Vec::new() };
        for (value, expected) in [
            ("patient", known(true, false)),
            ("technique,patient", known(true, true)),
            ("patient,colour", Annotations { unknown: vec!["colour".to_owned()], ..known(true, false) }),
        ] {
            let found = RenderedRequest::parse(&format!("annotation={value}")).expect(value);
            assert_eq!(found.annotation, Some(expected));
        }
        for value in ["", ",", "patient,", "pa tient x", "a%2Fb", "%22patient%22"] {
            assert!(fails(&format!("annotation={value}")), "{value}");
        }
        for (value, expected) in [
            ("no", ProfileName::No),
            ("yes", ProfileName::Yes),
            ("srgb", ProfileName::Srgb),
            ("adobergb", ProfileName::AdobeRgb),
            ("rommrgb", ProfileName::RommRgb),
        ] {
            assert_eq!(
                RenderedRequest::parse(&format!("iccprofile={value}")).expect(value).profile,
                Some(expected)
            );
        }
        for value in ["", "sRGB", "maybe"] {
            assert!(fails(&format!("iccprofile={value}")), "{value}");
        }
    }
}
