//! The part of the values that is of interest: windows and tables (PS3.3 C.11.2).

use serde::{Deserialize, Serialize};

use super::attributes::Attributes;
use super::lut::Lut;
use super::tag;

/// A way from the modality's values to grey.
#[derive(Clone, Debug, PartialEq)]
pub enum Voi {
    /// Window Center (0028,1050), Window Width (0028,1051) and VOI LUT Function (0028,1056).
    Window(Window),
    /// VOI LUT Sequence (0028,3010).
    Lut(Lut),
}

/// A window, in the modality's units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// The centre.
    pub center: f64,
    /// The width: from 1 on for [`Function::Linear`], above 0 for the others.
    pub width: f64,
    /// Its shape.
    pub function: Function,
}

/// VOI LUT Function (0028,1056).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Function {
    /// LINEAR (PS3.3 C.11.2.1.2.1).
    #[default]
    Linear,
    /// LINEAR_EXACT (PS3.3 C.11.2.1.3.2).
    LinearExact,
    /// SIGMOID (PS3.3 C.11.2.1.3.1).
    Sigmoid,
}

impl Voi {
    /// The first VOI LUT of an item, else its first window; `None` when it has neither, or none that makes sense.
    ///
    /// A window stands before a table where both are there: it is what the values were last looked at with, and
    /// PS3.3 leaves the choice to the application.
    pub(crate) fn read(item: &Attributes<'_>, signed: bool) -> Option<Self> {
        let lut = || item.first(tag::VOI_LUT).and_then(|lut| Lut::read(&lut, signed)).map(Self::Lut);
        Window::read(item).map(Self::Window).or_else(lut)
    }
}

impl Window {
    /// A window with a width that its function can have.
    pub fn new(center: f64, width: f64, function: Function) -> Option<Self> {
        let fits = match function {
            Function::Linear => width >= 1.0,
            Function::LinearExact | Function::Sigmoid => width > 0.0,
        };
        (fits && center.is_finite() && width.is_finite()).then_some(Self { center, width, function })
    }

    /// The first window of an item.
    pub(super) fn read(item: &Attributes<'_>) -> Option<Self> {
        let function = match item.text(tag::VOI_FUNCTION).as_deref() {
            Some("LINEAR_EXACT") => Function::LinearExact,
            Some("SIGMOID") => Function::Sigmoid,
            _ => Function::Linear,
        };
        Self::new(item.number(tag::WINDOW_CENTRE)?, item.number(tag::WINDOW_WIDTH)?, function)
    }

    /// The grey of a value, from 0 to `most`.
    pub fn grey(&self, x: f64, most: f64) -> f64 {
        let (c, w) = (self.center, self.width);
        match self.function {
            Function::Linear => {
                if x <= c - 0.5 - (w - 1.0) / 2.0 {
                    0.0
                } else if x > c - 0.5 + (w - 1.0) / 2.0 {
                    most
                } else {
                    ((x - (c - 0.5)) / (w - 1.0) + 0.5) * most
                }
            }
            Function::LinearExact => {
                if x <= c - w / 2.0 {
                    0.0
                } else if x > c + w / 2.0 {
                    most
                } else {
                    ((x - c) / w + 0.5) * most
                }
            }
            Function::Sigmoid => most / (1.0 + (-4.0 * (x - c) / w).exp()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rend_007_vectors() {
        use Function::{Linear, LinearExact, Sigmoid};
        for (function, c, w, x, expected) in [
            (Linear, 2048.0, 4096.0, 0.0, 0.0),
            (Linear, 2048.0, 4096.0, 2047.0, 127.47),
            (Linear, 2048.0, 4096.0, 2048.0, 127.53),
            (Linear, 2048.0, 4096.0, 4095.0, 255.0),
            (Linear, 0.0, 100.0, -50.0, 0.0),
            (Linear, 0.0, 100.0, -0.5, 127.5),
            (Linear, 0.0, 100.0, 49.0, 255.0),
            (Linear, 0.0, 1.0, -1.0, 0.0),
            (Linear, 0.0, 1.0, 0.0, 255.0),
            (LinearExact, 0.0, 100.0, -50.0, 0.0),
            (LinearExact, 0.0, 100.0, 0.0, 127.5),
            (LinearExact, 0.0, 100.0, 50.0, 255.0),
            (Sigmoid, 0.0, 100.0, 0.0, 127.5),
            (Sigmoid, 0.0, 100.0, 50.0, 224.6),
            (Sigmoid, 0.0, 100.0, -50.0, 30.4),
        ] {
            let window = Window::new(c, w, function).expect("a window");
            let found = window.grey(x, 255.0);
            assert!((found - expected).abs() < 0.05, "{function:?} {c} {w} {x}: {found}");
        }
    }

    #[test]
    fn rend_008_widths() {
        for (width, function, fits) in [
            (1.0, Function::Linear, true),
            (0.99, Function::Linear, false),
            (0.0, Function::Linear, false),
            (0.5, Function::LinearExact, true),
            (0.0, Function::LinearExact, false),
            (-1.0, Function::Sigmoid, false),
            (f64::NAN, Function::Sigmoid, false),
            (f64::INFINITY, Function::Linear, false),
        ] {
            assert_eq!(Window::new(0.0, width, function).is_some(), fits, "{width} {function:?}");
        }
        assert_eq!(Window::new(f64::NAN, 1.0, Function::Linear), None);
    }
}
