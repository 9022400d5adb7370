//! A small synthetic image in the data folder, so that the lines to try first have something to send.

/// Rows and columns.
const SIDE: u16 = 128;
/// Secondary Capture Image Storage.
const SOP_CLASS: &str = "1.2.840.10008.5.1.4.1.1.7";
const STUDY: &str = "2.25.163421897352186097843318290655247018331";
const SERIES: &str = "2.25.163421897352186097843318290655247018332";
const INSTANCE: &str = "2.25.163421897352186097843318290655247018333";
const EXPLICIT_LE: &str = "1.2.840.10008.1.2.1";

/// The Part 10 file: a phantom that no person lay still for.
pub fn file() -> Vec<u8> {
    let mut meta = Elements::default();
    meta.put(0x0002_0001, *b"OB", &[0, 1]);
    meta.text(0x0002_0002, *b"UI", SOP_CLASS);
    meta.text(0x0002_0003, *b"UI", INSTANCE);
    meta.text(0x0002_0010, *b"UI", EXPLICIT_LE);
    meta.text(0x0002_0012, *b"UI", "2.25.163421897352186097843318290655247018330");
    let mut length = Elements::default();
    length.put(0x0002_0000, *b"UL", &(meta.0.len() as u32).to_le_bytes());
    [&[0; 128][..], b"DICM", &length.0, &meta.0, &data_set().0].concat()
}

fn data_set() -> Elements {
    let mut set = Elements::default();
    set.text(0x0008_0005, *b"CS", "ISO_IR 192");
    set.text(0x0008_0008, *b"CS", "DERIVED\\SECONDARY");
    set.text(0x0008_0016, *b"UI", SOP_CLASS);
    set.text(0x0008_0018, *b"UI", INSTANCE);
    set.text(0x0008_0020, *b"DA", "20260102");
    set.text(0x0008_0030, *b"TM", "090000");
    set.text(0x0008_0050, *b"SH", "EXAMPLE-1");
    set.text(0x0008_0060, *b"CS", "OT");
    set.text(0x0008_0064, *b"CS", "SYN");
    set.text(0x0008_0090, *b"PN", "");
    set.text(0x0008_1030, *b"LO", "Overread example, synthetic");
    set.text(0x0010_0010, *b"PN", "Example^Overread");
    set.text(0x0010_0020, *b"LO", "EXAMPLE");
    set.text(0x0010_0030, *b"DA", "");
    set.text(0x0010_0040, *b"CS", "O");
    set.text(0x0020_000D, *b"UI", STUDY);
    set.text(0x0020_000E, *b"UI", SERIES);
    set.text(0x0020_0010, *b"SH", "1");
    set.text(0x0020_0011, *b"IS", "1");
    set.text(0x0020_0013, *b"IS", "1");
    set.text(0x0020_0020, *b"CS", "");
    set.number(0x0028_0002, 1);
    set.text(0x0028_0004, *b"CS", "MONOCHROME2");
    set.number(0x0028_0010, SIDE);
    set.number(0x0028_0011, SIDE);
    set.number(0x0028_0100, 8);
    set.number(0x0028_0101, 8);
    set.number(0x0028_0102, 7);
    set.number(0x0028_0103, 0);
    set.put(0x7FE0_0010, *b"OB", &pixels());
    set
}

/// Two ellipses, one in the other, and a bright spot.
fn pixels() -> Vec<u8> {
    let inside = |x: i32, y: i32, (cx, cy, rx, ry): (i32, i32, i32, i32)| {
        let (dx, dy) = ((x - cx) * ry, (y - cy) * rx);
        dx * dx + dy * dy <= (rx * ry) * (rx * ry)
    };
    let side = i32::from(SIDE);
    let mut pixels = Vec::with_capacity(usize::from(SIDE) * usize::from(SIDE));
    for y in 0..side {
        for x in 0..side {
            pixels.push(if inside(x, y, (78, 54, 9, 7)) {
                220
            } else if inside(x, y, (64, 64, 42, 52)) {
                90 + ((x * 7 + y * 13) % 17) as u8
            } else if inside(x, y, (64, 64, 48, 58)) {
                180
            } else {
                0
            });
        }
    }
    pixels
}

/// Explicit VR Little Endian elements (PS3.5 7.1.2), in the order in which they are put.
#[derive(Default)]
struct Elements(Vec<u8>);

impl Elements {
    fn put(&mut self, tag: u32, vr: [u8; 2], value: &[u8]) {
        self.0.extend_from_slice(&((tag >> 16) as u16).to_le_bytes());
        self.0.extend_from_slice(&(tag as u16).to_le_bytes());
        self.0.extend_from_slice(&vr);
        match &vr {
            b"OB" => {
                self.0.extend_from_slice(&[0, 0]);
                self.0.extend_from_slice(&(value.len() as u32).to_le_bytes());
            }
            // Every other value here is shorter than 100 bytes.
            _ => self.0.extend_from_slice(&(value.len() as u16).to_le_bytes()),
        }
        self.0.extend_from_slice(value);
    }

    fn text(&mut self, tag: u32, vr: [u8; 2], value: &str) {
        let mut bytes = value.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(if &vr == b"UI" { 0 } else { b' ' });
        }
        self.put(tag, vr, &bytes);
    }

    fn number(&mut self, tag: u32, value: u16) {
        self.put(tag, *b"US", &value.to_le_bytes());
    }
}
