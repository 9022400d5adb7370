//! Character sets, against the examples of PS3.5 Annexes H to K and what real files do (TS-020).

use super::*;

fn check(set: &str, vr: VR, bytes: &[u8], expected: &str) {
    let sets = CharacterSets::parse(set.as_bytes());
    assert_eq!(sets.decode(vr, bytes), expected, "{set} {vr} {bytes:02X?}");
}

fn check_values(set: &str, vr: VR, bytes: &[u8], expected: &[&str]) {
    let sets = CharacterSets::parse(set.as_bytes());
    assert_eq!(sets.decode_values(vr, bytes).as_slice(), expected, "{set} {vr} {bytes:02X?}");
}

#[test]
fn ts020_single_byte_sets() {
    check("", VR::LO, b"plain ASCII\\two", "plain ASCII\\two");
    check("ISO_IR 100", VR::PN, b"Buc^J\xE9r\xF4me", "Buc^Jérôme");
    check("ISO_IR 101", VR::PN, b"W\xB3och", "Włoch");
    check("ISO_IR 109", VR::LO, b"\xA6ar \xF8u", "Ĥar ĝu");
    check("ISO_IR 110", VR::LO, b"\xBF\xFE", "ŋū");
    check("ISO_IR 126", VR::PN, b"\xC4\xE9\xEF\xED\xF5\xF3\xE9\xEF\xF2", "Διονυσιος");
    check("ISO_IR 127", VR::PN, b"\xE2\xC8\xC7\xE6\xEA^\xE4\xE6\xD2\xC7\xD1", "قباني^لنزار");
    check("ISO_IR 138", VR::PN, b"\xF9\xF8\xE5\xEF^\xE3\xE1\xE5\xF8\xE4", "שרון^דבורה");
    check("ISO_IR 144", VR::PN, b"\xBB\xEE\xDAce\xDC\xD1yp\xD3", "Люкceмбypг");
    check("ISO_IR 148", VR::PN, b"\xC7avu\xFEo\xF0lu \xDD", "Çavuşoğlu İ");
    check("ISO_IR 166", VR::PN, b"\xB9\xD2\xC2", "นาย");
    check("ISO_IR 203", VR::LO, b"\xA4 \xBD\xA8", "€ œš");
    check("ISO_IR 13", VR::PN, b"\xD4\xCF\xC0\xDE^\xC0\xDB\xB3", "ﾔﾏﾀﾞ^ﾀﾛｳ");
    check("ISO_IR 192", VR::PN, "Wang^XiaoDong=王^小東".as_bytes(), "Wang^XiaoDong=王^小東");
    check("GB18030", VR::PN, b"Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB", "Wang^XiaoDong=王^小东");
    check("GBK", VR::LO, b"\x81\x39\xEF\x30", "\u{3401}");
}

#[test]
fn ts020_japanese() {
    // PS3.5 H.3.1 and H.3.2: the same name, first with ASCII, then with Katakana as the initial set.
    let kanji = b"\x1B$B;3ED\x1B(B^\x1B$BB@O:\x1B(B=\x1B$B$d$^$@\x1B(B^\x1B$B$?$m$&\x1B(B";
    let name = [b"Yamada^Tarou=".as_slice(), kanji].concat();
    check("\\ISO 2022 IR 87", VR::PN, &name, "Yamada^Tarou=山田^太郎=やまだ^たろう");
    let kanji = b"\x1B$B;3ED\x1B(J^\x1B$BB@O:\x1B(J=\x1B$B$d$^$@\x1B(J^\x1B$B$?$m$&\x1B(J";
    let name = [b"\xD4\xCF\xC0\xDE^\xC0\xDB\xB3=".as_slice(), kanji].concat();
    check("ISO 2022 IR 13\\ISO 2022 IR 87", VR::PN, &name, "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう");
    check("\\ISO 2022 IR 159", VR::LO, b"\x1B$(D0w0x\x1B(B", "佸佹");
    check("\\ISO 2022 IR 87", VR::LO, b"\x1B)I\xB1\xB2", "ｱｲ");
}

#[test]
fn ts020_korean_and_chinese() {
    // PS3.5 I.2 and K.2.
    let name =
        b"Hong^Gildong=\x1B$)C\xFB\xF3^\x1B$)C\xD1\xCE\xD4\xD7=\x1B$)C\xC8\xAB^\x1B$)C\xB1\xE6\xB5\xBF";
    check("\\ISO 2022 IR 149", VR::PN, name, "Hong^Gildong=洪^吉洞=홍^길동");
    let name = b"Zhang^XiaoDong=\x1B$)A\xD5\xC5^\x1B$)A\xD0\xA1\xB6\xAB=";
    check("\\ISO 2022 IR 58", VR::PN, name, "Zhang^XiaoDong=张^小东=");
    check("\\ISO 2022 IR 58", VR::LT, b"1\x1B$)A\xB5\xDA\xD2\xBB\r\n\x1B$)A\xD0\xD0\r\n", "1第一\r\n行\r\n");
    // The escape sequence forgotten: read all the same, and Windows' extension of the set too.
    check("\\ISO 2022 IR 149", VR::PN, b"=\xC8\xAB^\xB1\xE6\xB5\xBF\x8C\x63", "=홍^길동똠");
}

#[test]
fn ts020_several_single_byte_sets() {
    let set = "ISO 2022 IR 100\\ISO 2022 IR 144\\ISO 2022 IR 126";
    check(set, VR::PN, b"Dionysios=\x1B-F\xC4\xE9\xEF\xED\xF5\xF3\xE9\xEF\xF2", "Dionysios=Διονυσιος");
    check(set, VR::LO, b"\xE9\x1B-L\xBB\x1B-A\xE9", "éЛé");
    check("\\ISO 2022 IR 203", VR::LO, b"\x1B-b\xA4", "€");
    // The initial set comes back at values, lines and name parts (PS3.5 6.1.2.5.3).
    check(set, VR::LO, b"\x1B-L\xBB\\\xE9", "Л\\é");
    check(set, VR::PN, b"\x1B-L\xBB^\xE9=\x1B-L\xBB=\xE9", "Л^é=Л=é");
    check(set, VR::LO, b"\x1B-L\xBB^\xBB", "Л^Л");
    check(set, VR::LT, b"\x1B-L\xBB\r\n\xE9\x1B-L\xBB\\\xBB\t\xE9", "Л\r\néЛ\\Л\té");
}

#[test]
fn second_bytes_that_look_like_delimiters() {
    check_values("GB18030", VR::LO, b"\x89\x5C\\\x81\x5C", &["塡", "乗"]);
    check_values("GBK", VR::PN, b"\x90\x5C^\x90\x5C", &["怽^怽"]);
    check_values("ISO_IR 13", VR::LO, b"\x83\x5C\x83\x6A\x81\x5B\\2", &["ソニー", "2"]);
    // 24 5E is one Kana, 3D 5C and 5C 3D are one Kanji each.
    check_values("\\ISO 2022 IR 87", VR::LO, b"\x1B$B$^=\\\\=\x1B(B\\B", &["ま旬椽", "B"]);
    // A two-byte set that is left by no escape sequence ends at the delimiter that has no second byte.
    check_values("\\ISO 2022 IR 87", VR::LO, b"\x1B$B;3ED\\\x1B$BB@O:\\", &["山田", "太郎", ""]);
}

#[test]
fn bad_bytes_become_replacements() {
    check("", VR::LO, b"M\xFCller", "M\u{FFFD}ller");
    check("", VR::LO, "Müller".as_bytes(), "Müller");
    check("ISO_IR 6", VR::CS, b"A\x80", "A\u{FFFD}");
    check("ISO_IR 100", VR::CS, b"\xE9", "\u{FFFD}");
    check("ISO_IR 101", VR::LO, b"\x85", "\u{FFFD}");
    check("ISO_IR 100", VR::LO, b"it\x92s", "it’s");
    check("ISO_IR 192", VR::LO, b"a\xC3(\xFF", "a\u{FFFD}(\u{FFFD}");
    check("GB18030", VR::LO, b"a\xFF\xB0", "a\u{FFFD}\u{FFFD}");
    check("ISO_IR 13", VR::LO, b"\x80\xFD\x81", "\u{FFFD}\u{FFFD}\u{FFFD}");
    check("\\ISO 2022 IR 87", VR::LO, b"\x1B$B;\x1B(Ba\x1B$Z1\x1B", "\u{FFFD}a\u{FFFD}1\u{FFFD}");
    check("\\ISO 2022 IR 149", VR::LO, b"\x1B$)C\xC8", "\u{FFFD}");
    check("ISO_IR 999", VR::LO, b"\xE9", "\u{FFFD}");
}

#[test]
fn yen_and_overline() {
    check("ISO_IR 13", VR::ST, b"\\100 ~", "¥100 ‾");
    check("ISO_IR 13", VR::LO, b"a\\b", "a\\b");
    check("ISO_IR 13", VR::CS, b"~", "~");
    check("\\ISO 2022 IR 87", VR::ST, b"\x1B(J\\\x1B(B\\", "¥\\");
}

#[test]
fn terms_as_real_files_spell_them() {
    let check = |written: &[u8], meant: &str| {
        assert_eq!(CharacterSets::parse(written), CharacterSets::parse(meant.as_bytes()), "{written:?}");
    };
    check(b"ISO_IR_100", "ISO_IR 100");
    check(b"iso-ir 100 ", "ISO_IR 100");
    check(b"ISO 2022 IR 100", "ISO_IR 100");
    check(b"ISO2022 IR87\\", "ISO 2022 IR 87");
    check(b" ISO_IR 192 ", "ISO_IR 192");
    check(b"ISO_IR 192\\ISO 2022 IR 87", "ISO_IR 192");
    check(b"UTF-8", "ISO_IR 192");
    check(b"ISO_IR 6", "");
    check(b"\0", "");
    let unknown = |value: &[u8]| CharacterSets::parse(value).has_unknown_term();
    assert!(unknown(b"ISO_IR 999") && unknown(b"\\XX") && unknown(b"ISO_IR 100\\ISO_IR 192"));
    assert!(!unknown(b"") && !unknown(b"ISO_IR 100") && !unknown(b"\\ISO 2022 IR 87\\ISO 2022 IR 159"));
}

#[test]
fn values_are_split_and_trimmed() {
    check_values("", VR::LO, b"", &[]);
    check_values("", VR::LO, b"  ", &[]);
    check_values("", VR::UI, b"1.2\\1.3\0", &["1.2", "1.3"]);
    check_values("", VR::LO, b" bar\\\\foo ", &["bar", "", "foo"]);
    check_values("", VR::LO, b"\\", &["", ""]);
    check_values("", VR::LT, b"  a\\b  ", &["  a\\b"]);
    check_values("", VR::UC, b" a \\ b", &[" a", " b"]);
    check_values("", VR::UR, b"http://x/a\\b ", &["http://x/a\\b"]);
    check_values("", VR::DS, b" 1.5\\ 2 ", &["1.5", "2"]);
}

#[test]
fn any_bytes_decode_to_something() {
    let sets = [
        "",
        "ISO_IR 100",
        "ISO_IR 13",
        "ISO_IR 166",
        "ISO_IR 192",
        "GB18030",
        "\\ISO 2022 IR 87",
        "\\ISO 2022 IR 149",
        "\\ISO 2022 IR 58",
        "ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 159",
    ];
    // Bytes that mean much to ISO 2022, and any others.
    let weighty = b"\x1B\x1B\x1B$$(()-BJDCAIT\\^=\r\n\xC8\xAB\x81\x5C";
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    for round in 0..20_000 {
        let length = usize::from(next() % 40);
        let mut byte = || match next() {
            roll @ 0..160 => weighty[usize::from(roll) % weighty.len()],
            _ => next(),
        };
        let bytes: Vec<u8> = (0..length).map(|_| byte()).collect();
        let set = sets[round % sets.len()];
        let sets = CharacterSets::parse(set.as_bytes());
        for vr in [VR::PN, VR::LO, VR::LT, VR::CS] {
            let text = sets.decode(vr, &bytes);
            assert!(matches!(set, "ISO_IR 192" | "GB18030") || !text.contains('\x1B'), "{bytes:02X?}");
            assert!(sets.decode_values(vr, &bytes).len() <= 1 + text.matches('\\').count());
        }
    }
}
