//! How long a worker takes to render a CT slice of 512 by 512 pixels that is stored without compression.
//!
//! ```text
//! cargo run --release -p imaging --example render_speed
//! ```

use std::time::Instant;

use imaging::render::{Function, Length, Output, Part, Request, Subject, Task, Viewport, Window};

const RUNS: u32 = 200;

fn main() {
    let json = br#"{"00280002":{"vr":"US","Value":[1]},"00280004":{"vr":"CS","Value":["MONOCHROME2"]},
        "00280010":{"vr":"US","Value":[512]},"00280011":{"vr":"US","Value":[512]},"00280100":{"vr":"US","Value":[16]},
        "00280101":{"vr":"US","Value":[16]},"00280102":{"vr":"US","Value":[15]},"00280103":{"vr":"US","Value":[1]},
        "00281050":{"vr":"DS","Value":[40]},"00281051":{"vr":"DS","Value":[400]},"00281052":{"vr":"DS","Value":[-1024]}}"#;
    // Rings with a little noise, as smooth as tissue.
    let frame: Vec<u8> = (0..512 * 512u32)
        .flat_map(|at| {
            let (x, y) = (f64::from(at % 512) - 256.0, f64::from(at / 512) - 256.0);
            let noise = f64::from(at.wrapping_mul(2_654_435_761) >> 28);
            ((1024.0 + 150.0 * (x.hypot(y) / 20.0).sin() + noise) as i16).to_le_bytes()
        })
        .collect();
    let payload = [&json[..], &frame].concat();
    let whole = Request::new(Output::Jpeg);
    let sigmoid = Window::new(40.0, 400.0, Function::Sigmoid);
    for (name, request) in [
        ("JPEG", whole.clone()),
        ("JPEG, sigmoid window", Request { window: sigmoid, ..whole.clone() }),
        (
            "JPEG of 256 by 256",
            Request { viewport: Some(Viewport { width: 256, height: 256 }), ..whole.clone() },
        ),
        ("PNG", Request::new(Output::Png)),
        (
            "PNG of one pixel: all but the form",
            Request { viewport: Some(Viewport { width: 1, height: 1 }), ..Request::new(Output::Png) },
        ),
    ] {
        let syntax = "1.2.840.10008.1.2.1".to_owned();
        let parts = vec![
            Length { part: Part::Instance, bytes: json.len() as u64 },
            Length { part: Part::Frame(1), bytes: frame.len() as u64 },
        ];
        let task =
            Task { subject: Subject::Frames { syntax, request, moving: false }, parts, decoded: 1 << 20 };
        let mut times: Vec<_> = (0..RUNS)
            .map(|_| {
                let start = Instant::now();
                let (_, files) = task.run(&payload).expect("a picture");
                (start.elapsed(), files.len())
            })
            .collect();
        times.sort_unstable();
        let (median, bytes) = times[times.len() / 2];
        println!("{name:36} {:>8.3} ms, {bytes} bytes", median.as_secs_f64() * 1e3);
    }
}
