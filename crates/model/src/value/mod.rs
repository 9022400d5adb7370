//! Values of elements: dates, times and numbers, and what of a value is padding (PS3.5 section 6.2).

mod moment;
mod number;
mod padding;

pub use moment::{date, date_time_span, date_time_span_in, moved, offset, time, time_span};
pub use number::{decimal, decimal_text, decimals, integer, integer_text, integers};
pub use padding::trim;
