//! Display shutters: what lies outside is not shown (PS3.3 C.7.6.11).

use super::attributes::Attributes;
use super::tag;

/// Shapes that are all open at once: a pixel is shown when it is inside each of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Shutter {
    shapes: Vec<Shape>,
    /// The grey outside, 0 to 255.
    pub grey: u8,
    /// The overlay group whose set bits are hidden, of a BITMAP shutter.
    pub overlay: Option<u16>,
}

/// Rows and columns from 1, edges inside.
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Rectangle { left: f64, right: f64, upper: f64, lower: f64 },
    Circle { row: f64, column: f64, radius: f64 },
    Polygon(Vec<(f64, f64)>),
}

impl Shutter {
    /// The shutter of an item; `None` when it has none that can be understood.
    pub(crate) fn read(item: &Attributes<'_>) -> Option<Self> {
        let shape = |name: &str| match name {
            "RECTANGULAR" => Some(Shape::Rectangle {
                left: item.number(tag::SHUTTER_LEFT)?,
                right: item.number(tag::SHUTTER_RIGHT)?,
                upper: item.number(tag::SHUTTER_UPPER)?,
                lower: item.number(tag::SHUTTER_LOWER)?,
            }),
            "CIRCULAR" => {
                let [row, column] = *item.numbers(tag::SHUTTER_CENTRE) else { return None };
                Some(Shape::Circle { row, column, radius: item.number(tag::SHUTTER_RADIUS)? })
            }
            "POLYGONAL" => {
                let numbers = item.numbers(tag::SHUTTER_VERTICES);
                let points: Vec<_> =
                    numbers.as_chunks().0.iter().map(|[row, column]| (*row, *column)).collect();
                (3..=4_096).contains(&points.len()).then_some(Shape::Polygon(points))
            }
            _ => None,
        };
        let names = item.texts(tag::SHUTTER_SHAPE);
        let bitmap = names.iter().any(|name| name == "BITMAP");
        let overlay = item.integer(tag::SHUTTER_OVERLAY).and_then(|group| u16::try_from(group).ok());
        let overlay = overlay.filter(|_| bitmap);
        let shapes: Vec<_> = names.iter().filter_map(|name| shape(name)).collect();
        // A P-value of 16 bits.
        let grey = item.integer(tag::SHUTTER_VALUE).map_or(0, |value| (value.clamp(0, 65_535) >> 8) as u8);
        (!shapes.is_empty() || overlay.is_some()).then_some(Self { shapes, grey, overlay })
    }

    /// Whether the pixel at that row and column, from 0, is shown.
    pub fn is_open(&self, row: u32, column: u32) -> bool {
        let (row, column) = (f64::from(row) + 1.0, f64::from(column) + 1.0);
        self.shapes.iter().all(|shape| match shape {
            Shape::Rectangle { left, right, upper, lower } => {
                column > *left && column < *right && row > *upper && row < *lower
            }
            Shape::Circle { row: y, column: x, radius } => (row - y).hypot(column - x) <= *radius,
            Shape::Polygon(points) => inside(points, row, column),
        })
    }
}

/// Whether a point is inside: a ray from it crosses the edges an odd number of times.
fn inside(points: &[(f64, f64)], row: f64, column: f64) -> bool {
    let next = points.iter().skip(1).chain(points.first());
    let crossings = points.iter().zip(next).filter(|((y1, x1), (y2, x2))| {
        (*y1 > row) != (*y2 > row) && column < (x2 - x1) * (row - y1) / (y2 - y1) + x1
    });
    crossings.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::attributes::Bulk;
    use super::*;

    #[test]
    fn shapes() {
        let json = json!({
            "00181600": {"vr": "CS", "Value": ["RECTANGULAR", "CIRCULAR"]},
            "00181602": {"vr": "IS", "Value": [2]}, "00181604": {"vr": "IS", "Value": [9]},
            "00181606": {"vr": "IS", "Value": [2]}, "00181608": {"vr": "IS", "Value": [9]},
            "00181610": {"vr": "IS", "Value": [5, 5]}, "00181612": {"vr": "IS", "Value": [3]},
            "00181622": {"vr": "US", "Value": [65535]},
        });
        let bulk = Bulk::new();
        let all = Attributes::new(json.as_object().expect("an object"), &bulk);
        let shutter = Shutter::read(&all).expect("a shutter");
        assert_eq!(shutter.grey, 255);
        for (row, column, open) in
            [(4, 4, true), (1, 4, false), (4, 7, true), (4, 8, false), (2, 2, true), (7, 7, false)]
        {
            assert_eq!(shutter.is_open(row, column), open, "{row} {column}");
        }
        let triangle = [(1.0, 1.0), (1.0, 9.0), (9.0, 1.0)];
        assert!(inside(&triangle, 2.0, 2.0) && !inside(&triangle, 8.0, 8.0));
    }
}
