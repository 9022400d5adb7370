//! JSON (RFC 8259) as tokens, pushed in pieces.

use std::borrow::Cow;

/// What JSON may cost, beside what becomes of its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenLimits {
    /// Objects and arrays inside each other. A sequence takes three.
    pub depth: usize,
    /// Bytes of one string, escapes counted as what they stand for.
    pub text: usize,
}

/// Longest number.
const NUMBER: usize = 128;

/// A token. Commas and colons are no tokens: they are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// `{`
    Object,
    /// `}`
    ObjectEnd,
    /// `[`
    Array,
    /// `]`
    ArrayEnd,
    /// The name of a member.
    Name(&'a str),
    /// A string.
    Text(&'a str),
    /// A number, as it is written.
    Number(&'a str),
    /// `true` or `false`.
    Bool,
    /// `null`
    Null,
}

/// Why a text is no JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// A byte that cannot be there.
    #[error("byte {at} cannot stand where it is")]
    Byte {
        /// The byte's place, from 0 on.
        at: u64,
    },
    /// It is over before it is whole.
    #[error("it ends too early")]
    End,
    /// [`TokenLimits::depth`].
    #[error("it is nested more than {0} deep")]
    Depth(usize),
    /// [`TokenLimits::text`].
    #[error("it has a string of more than {0} bytes")]
    Text(usize),
    /// A string that is not UTF-8, or half of a surrogate pair.
    #[error("byte {at} ends a string that is no Unicode text")]
    Unicode {
        /// The place of the string's end.
        at: u64,
    },
}

/// Takes JSON in pieces and gives its tokens.
#[derive(Debug)]
pub struct Tokenizer {
    limits: TokenLimits,
    /// What is open: true for objects.
    open: Vec<bool>,
    state: State,
    text: Vec<u8>,
    is_name: bool,
    /// The first half of a surrogate pair.
    high: Option<u16>,
    at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A value must come.
    Value,
    /// A value, or the end of the array that has just begun.
    FirstValue,
    /// A name, or the end of the object that has just begun.
    FirstName,
    /// A name must come.
    Name,
    /// The colon behind a name.
    Colon,
    /// What follows a value.
    After,
    Text,
    Escape,
    /// Digits of `\u` that came, and their value.
    Unicode(u8, u16),
    Number,
    /// Letters of `true`, `false` or `null` that are still to come.
    Word(&'static [u8], Token<'static>),
    /// The whole text is over.
    Done,
}

impl Tokenizer {
    /// A tokenizer for one text.
    pub fn new(limits: TokenLimits) -> Self {
        Self {
            limits,
            open: Vec::new(),
            state: State::Value,
            text: Vec::new(),
            is_name: false,
            high: None,
            at: 0,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`JsonError`]; nothing may be pushed after it.
    pub fn push(&mut self, bytes: &[u8], take: &mut impl FnMut(Token<'_>)) -> Result<(), JsonError> {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.state == State::Text {
                let plain = self.plain(rest)?;
                self.at += plain as u64;
                let (_, behind) = rest.split_at_checked(plain).unwrap_or_default();
                rest = behind;
                let Some((&byte, behind)) = rest.split_first() else { return Ok(()) };
                self.end_of_plain(byte, take)?;
                (self.at, rest) = (self.at + 1, behind);
                continue;
            }
            if self.state == State::Number && !self.number_goes_on(byte)? {
                self.end_number(take)?;
                continue;
            }
            self.byte(byte, take)?;
            (self.at, rest) = (self.at + 1, after);
        }
        Ok(())
    }

    /// Says that nothing more comes.
    ///
    /// # Errors
    /// [`JsonError`] when the text is not whole.
    pub fn finish(&mut self, take: &mut impl FnMut(Token<'_>)) -> Result<(), JsonError> {
        if self.state == State::Number {
            self.end_number(take)?;
        }
        if self.state == State::Done { Ok(()) } else { Err(JsonError::End) }
    }

    fn byte(&mut self, byte: u8, take: &mut impl FnMut(Token<'_>)) -> Result<(), JsonError> {
        match self.state {
            State::Escape => return self.escape(byte),
            State::Unicode(count, value) => return self.unicode(byte, count, value),
            State::Word(letters, token) => {
                let rest = letters.strip_prefix(&[byte]).ok_or(JsonError::Byte { at: self.at })?;
                self.state = State::Word(rest, token);
                if rest.is_empty() {
                    take(token);
                    self.after();
                }
                return Ok(());
            }
            State::Number => {
                self.text.push(byte);
                return Ok(());
            }
            _ => {}
        }
        match (self.state, byte) {
            (_, b' ' | b'\t' | b'\n' | b'\r') => {}
            (State::Value | State::FirstValue, b'{') => self.begin(true, take)?,
            (State::Value | State::FirstValue, b'[') => self.begin(false, take)?,
            (State::FirstValue, b']') | (State::FirstName, b'}') => self.end(take),
            (State::Value | State::FirstValue | State::Name | State::FirstName, b'"') => {
                self.is_name = matches!(self.state, State::Name | State::FirstName);
                self.text.clear();
                self.state = State::Text;
            }
            (State::Value | State::FirstValue, b'-' | b'0'..=b'9') => {
                self.text.clear();
                self.text.push(byte);
                self.state = State::Number;
            }
            (State::Value | State::FirstValue, b't') => self.state = State::Word(b"rue", Token::Bool),
            (State::Value | State::FirstValue, b'f') => self.state = State::Word(b"alse", Token::Bool),
            (State::Value | State::FirstValue, b'n') => self.state = State::Word(b"ull", Token::Null),
            (State::Colon, b':') => self.state = State::Value,
            (State::After, b',') => {
                self.state = if self.open.last() == Some(&true) { State::Name } else { State::Value };
            }
            (State::After, b'}') if self.open.last() == Some(&true) => self.end(take),
            (State::After, b']') if self.open.last() == Some(&false) => self.end(take),
            _ => return Err(JsonError::Byte { at: self.at }),
        }
        Ok(())
    }

    fn begin(&mut self, object: bool, take: &mut impl FnMut(Token<'_>)) -> Result<(), JsonError> {
        if self.open.len() >= self.limits.depth {
            return Err(JsonError::Depth(self.limits.depth));
        }
        self.open.push(object);
        self.state = if object { State::FirstName } else { State::FirstValue };
        take(if object { Token::Object } else { Token::Array });
        Ok(())
    }

    fn end(&mut self, take: &mut impl FnMut(Token<'_>)) {
        let object = self.open.pop() == Some(true);
        take(if object { Token::ObjectEnd } else { Token::ArrayEnd });
        self.after();
    }

    fn after(&mut self) {
        self.state = if self.open.is_empty() { State::Done } else { State::After };
    }

    /// Takes the bytes of a string up to one that is special; says how many.
    fn plain(&mut self, bytes: &[u8]) -> Result<usize, JsonError> {
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1F);
        let plain = bytes.iter().position(special).unwrap_or(bytes.len());
        let taken = bytes.get(..plain).unwrap_or_default();
        if self.high.is_some() && plain > 0 {
            return Err(JsonError::Unicode { at: self.at });
        }
        self.append(taken)?;
        Ok(plain)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), JsonError> {
        if self.text.len() + bytes.len() > self.limits.text {
            return Err(JsonError::Text(self.limits.text));
        }
        self.text.extend_from_slice(bytes);
        Ok(())
    }

    fn end_of_plain(&mut self, byte: u8, take: &mut impl FnMut(Token<'_>)) -> Result<(), JsonError> {
        match byte {
            b'\\' => self.state = State::Escape,
            b'"' => {
                let at = self.at;
                if self.high.is_some() {
                    return Err(JsonError::Unicode { at });
                }
                let text = std::str::from_utf8(&self.text).map_err(|_| JsonError::Unicode { at })?;
                if self.is_name {
                    take(Token::Name(text));
                    self.state = State::Colon;
                } else {
                    take(Token::Text(text));
                    self.after();
                }
                self.text.shrink_to(64 << 10);
            }
            _ => return Err(JsonError::Byte { at: self.at }),
        }
        Ok(())
    }

    fn escape(&mut self, byte: u8) -> Result<(), JsonError> {
        let stands_for = match byte {
            b'u' => {
                self.state = State::Unicode(0, 0);
                return Ok(());
            }
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            _ => return Err(JsonError::Byte { at: self.at }),
        };
        if self.high.is_some() {
            return Err(JsonError::Unicode { at: self.at });
        }
        self.state = State::Text;
        self.append(&[stands_for])
    }

    fn unicode(&mut self, byte: u8, count: u8, value: u16) -> Result<(), JsonError> {
        let digit = char::from(byte).to_digit(16).ok_or(JsonError::Byte { at: self.at })?;
        let value = value << 4 | digit as u16;
        if count < 3 {
            self.state = State::Unicode(count + 1, value);
            return Ok(());
        }
        self.state = State::Text;
        let units = match self.high.take() {
            Some(high) => vec![high, value],
            None if (0xD800..0xDC00).contains(&value) => {
                self.high = Some(value);
                return Ok(());
            }
            None => vec![value],
        };
        let decoded = char::decode_utf16(units).next().and_then(Result::ok);
        let mut place = [0; 4];
        let letter = decoded.ok_or(JsonError::Unicode { at: self.at })?.encode_utf8(&mut place).len();
        self.append(place.get(..letter).unwrap_or_default())
    }

    fn number_goes_on(&self, byte: u8) -> Result<bool, JsonError> {
        let more = matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        if more && self.text.len() >= NUMBER { Err(JsonError::Byte { at: self.at }) } else { Ok(more) }
    }

    fn end_number(&mut self, take: &mut impl FnMut(Token<'_>)) -> Result<(), JsonError> {
        let text: Cow<'_, str> = String::from_utf8_lossy(&self.text);
        if !super::number::is_json(&text) {
            return Err(JsonError::Byte { at: self.at });
        }
        take(Token::Number(&text));
        self.after();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: TokenLimits = TokenLimits { depth: 8, text: 40 };

    fn tokens(pieces: &[&[u8]]) -> Result<String, JsonError> {
        let (mut tokenizer, mut out) = (Tokenizer::new(LIMITS), String::new());
        let mut take = |token: Token<'_>| match token {
            Token::Object => out.push_str("{ "),
            Token::ObjectEnd => out.push_str("} "),
            Token::Array => out.push_str("[ "),
            Token::ArrayEnd => out.push_str("] "),
            Token::Name(name) => out.push_str(&format!("{name}: ")),
            Token::Text(text) => out.push_str(&format!("'{text}' ")),
            Token::Number(text) => out.push_str(&format!("{text} ")),
            Token::Bool => out.push_str("bool "),
            Token::Null => out.push_str("null "),
        };
        for piece in pieces {
            tokenizer.push(piece, &mut take)?;
        }
        tokenizer.finish(&mut take)?;
        Ok(out)
    }

    #[test]
    fn json_becomes_tokens_however_it_is_cut() {
        for (text, expected) in [
            ("[]", Ok("[ ] ")),
            (" {} ", Ok("{ } ")),
            ("7", Ok("7 ")),
            (
                r#"{"a":[1,-2.5e+3,"x",null,true,false],"b":{}}"#,
                Ok("{ a: [ 1 -2.5e+3 'x' null bool bool ] b: { } } "),
            ),
            (r#"["\"\\\/\b\f\n\r\tA\u00e4\ud83d\ude00"]"#, Ok("[ '\"\\/\u{8}\u{c}\n\r\tAä😀' ] ")),
            ("[\"ä山😀\"]", Ok("[ 'ä山😀' ] ")),
            ("[[[[[[[[]]]]]]]]", Ok("[ [ [ [ [ [ [ [ ] ] ] ] ] ] ] ] ")),
            ("[[[[[[[[[]]]]]]]]]", Err(JsonError::Depth(8))),
            ("\"12345678901234567890123456789012345678901\"", Err(JsonError::Text(40))),
            ("", Err(JsonError::End)),
            ("[1", Err(JsonError::End)),
            ("[1,]", Err(JsonError::Byte { at: 3 })),
            ("[1 2]", Err(JsonError::Byte { at: 3 })),
            ("{\"a\"}", Err(JsonError::Byte { at: 4 })),
            ("{\"a\":1,}", Err(JsonError::Byte { at: 7 })),
            ("{a:1}", Err(JsonError::Byte { at: 1 })),
            ("[1}", Err(JsonError::Byte { at: 2 })),
            ("{\"a\":1]", Err(JsonError::Byte { at: 6 })),
            ("[01]", Err(JsonError::Byte { at: 3 })),
            ("[1.]", Err(JsonError::Byte { at: 3 })),
            ("[--1]", Err(JsonError::Byte { at: 4 })),
            ("[+1]", Err(JsonError::Byte { at: 1 })),
            ("[NaN]", Err(JsonError::Byte { at: 1 })),
            ("[nul]", Err(JsonError::Byte { at: 4 })),
            ("[] []", Err(JsonError::Byte { at: 3 })),
            ("[\"a\nb\"]", Err(JsonError::Byte { at: 3 })),
            (r#"["\x"]"#, Err(JsonError::Byte { at: 3 })),
            (r#"["\ud83d"]"#, Err(JsonError::Unicode { at: 8 })),
            (r#"["\ud83dx"]"#, Err(JsonError::Unicode { at: 8 })),
            (r#"["\ud83d\n"]"#, Err(JsonError::Unicode { at: 9 })),
            (r#"["\ud83dA"]"#, Err(JsonError::Unicode { at: 8 })),
            (r#"["\udc00"]"#, Err(JsonError::Unicode { at: 7 })),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(tokens(&[text.as_bytes()]), expected, "{text}");
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(tokens(&bytes), expected, "{text} by the byte");
        }
    }

    #[test]
    fn bytes_that_are_no_unicode() {
        assert_eq!(tokens(&[b"[\"\xFF\"]"]), Err(JsonError::Unicode { at: 3 }));
        assert_eq!(tokens(&[b"\xEF\xBB\xBF[]"]), Err(JsonError::Byte { at: 0 }));
        let long = format!("[{}]", "9".repeat(1_000));
        assert_eq!(tokens(&[long.as_bytes()]), Err(JsonError::Byte { at: 129 }));
    }
}
