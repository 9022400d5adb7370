//! How a scan walks over its components (T.81 A.2).

use super::frame::{Frame, Scan};

/// The minimum coded units of a scan.
pub(super) struct Layout {
    /// Units beside each other.
    pub(super) columns: u32,
    /// Rows of units.
    pub(super) rows: u32,
    /// What a unit has of each component, in the scan's order.
    pub(super) cells: Vec<Cell>,
}

/// Data units of one component in a minimum coded unit.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    /// Which component of the frame.
    pub(super) component: usize,
    /// Data units beside each other, 1 to 4.
    pub(super) h: usize,
    /// Rows of data units, 1 to 4.
    pub(super) v: usize,
}

impl Layout {
    /// A scan of one component has one data unit in a minimum coded unit, and no padding.
    pub(super) fn new(frame: &Frame, scan: &Scan) -> Self {
        let found = |component| frame.components.get(component).map(|of| (component, of));
        let parts: Vec<_> = scan.parts.iter().filter_map(|part| found(part.component)).collect();
        if let [(component, of)] = parts.as_slice() {
            let (columns, rows) = (of.width.div_ceil(frame.unit()), of.height.div_ceil(frame.unit()));
            return Self { columns, rows, cells: vec![Cell { component: *component, h: 1, v: 1 }] };
        }
        let (columns, rows) = frame.units();
        let cell = |(component, of): &(usize, &super::frame::Component)| Cell {
            component: *component,
            h: of.h as usize,
            v: of.v as usize,
        };
        Self { columns, rows, cells: parts.iter().map(cell).collect() }
    }

    /// All minimum coded units.
    pub(super) fn units(&self) -> u64 {
        u64::from(self.columns) * u64::from(self.rows)
    }
}
