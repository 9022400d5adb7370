//! A small CT slice.

use crate::DataSet;

/// CT Image Storage.
const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

/// A synthetic CT instance. Two with the same fields are the same bytes.
#[derive(Clone, Debug)]
pub struct Instance {
    /// (0020,000D).
    pub study: String,
    /// (0020,000E).
    pub series: String,
    /// (0008,0018).
    pub sop_instance: String,
    /// (0010,0010).
    pub patient_name: String,
    /// (0010,0020).
    pub patient_id: String,
    /// (0008,0020).
    pub study_date: String,
    /// (0020,0013).
    pub number: u32,
    /// Rows and columns; 16 bits each pixel.
    pub size: u16,
    /// Added to every pixel, so that instances differ.
    pub shade: u16,
}

impl Instance {
    /// Instance `number` of series `series` of study `study`, all under an example root.
    pub fn new(study: u32, series: u32, number: u32) -> Self {
        let root = "1.2.826.0.1.3680043.10.1";
        Self {
            study: format!("{root}.{study}"),
            series: format!("{root}.{study}.{series}"),
            sop_instance: format!("{root}.{study}.{series}.{number}"),
            patient_name: "Muster^Anna".into(),
            patient_id: format!("P{study}"),
            study_date: "20240115".into(),
            number,
            size: 16,
            shade: number as u16,
        }
    }

    /// Its data set in Explicit VR Little Endian.
    pub fn data_set(&self) -> Vec<u8> {
        self.put_into(DataSet::explicit())
    }

    /// Its data set in Implicit VR Little Endian.
    pub fn implicit(&self) -> Vec<u8> {
        self.put_into(DataSet::implicit())
    }

    /// A Part 10 file of it in Explicit VR Little Endian.
    pub fn part10(&self) -> Vec<u8> {
        self.file("1.2.840.10008.1.2.1", &self.data_set())
    }

    /// A Part 10 file with this data set, said to be in this transfer syntax.
    pub fn file(&self, transfer_syntax: &str, data_set: &[u8]) -> Vec<u8> {
        let meta = DataSet::explicit()
            .put(0x0002_0001, b"OB", &[0, 1])
            .text(0x0002_0002, b"UI", CT)
            .text(0x0002_0003, b"UI", &self.sop_instance)
            .text(0x0002_0010, b"UI", transfer_syntax)
            .text(0x0002_0012, b"UI", "1.2.826.0.1.3680043.10.1.0")
            .into_bytes();
        let mut file = vec![0; 128];
        file.extend_from_slice(b"DICM");
        file.extend_from_slice(
            &DataSet::explicit().put(0x0002_0000, b"UL", &(meta.len() as u32).to_le_bytes()).into_bytes(),
        );
        file.extend_from_slice(&meta);
        file.extend_from_slice(data_set);
        file
    }

    /// Its SOP Class.
    pub fn sop_class(&self) -> &'static str {
        CT
    }

    fn put_into(&self, data_set: DataSet) -> Vec<u8> {
        let count = usize::from(self.size) * usize::from(self.size);
        let pixels: Vec<u8> =
            (0..count).flat_map(|i| (i as u16).wrapping_add(self.shade).to_le_bytes()).collect();
        data_set
            .text(0x0008_0005, b"CS", "ISO_IR 100")
            .text(0x0008_0016, b"UI", CT)
            .text(0x0008_0018, b"UI", &self.sop_instance)
            .text(0x0008_0020, b"DA", &self.study_date)
            .text(0x0008_0030, b"TM", "101500")
            .text(0x0008_0050, b"SH", "A1")
            .text(0x0008_0060, b"CS", "CT")
            .text(0x0008_0090, b"PN", "Refer^Rita")
            .text(0x0010_0010, b"PN", &self.patient_name)
            .text(0x0010_0020, b"LO", &self.patient_id)
            .text(0x0020_000D, b"UI", &self.study)
            .text(0x0020_000E, b"UI", &self.series)
            .text(0x0020_0010, b"SH", "1")
            .text(0x0020_0011, b"IS", "1")
            .text(0x0020_0013, b"IS", &self.number.to_string())
            .us(0x0028_0002, 1)
            .text(0x0028_0004, b"CS", "MONOCHROME2")
            .us(0x0028_0010, self.size)
            .us(0x0028_0011, self.size)
            .us(0x0028_0100, 16)
            .us(0x0028_0101, 16)
            .us(0x0028_0102, 15)
            .us(0x0028_0103, 0)
            .put(0x7FE0_0010, b"OW", &pixels)
            .into_bytes()
    }
}
