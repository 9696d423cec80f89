//! The wire format of protocol buffers: numbered fields, each with one of six encodings.
//!
//! Mirrors what gogo/protobuf generates for `Unmarshal`, with its errors. Leaves out: nothing.

/// The content of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Payload<'a> {
    /// Wire type 0: integers and booleans.
    Varint(u64),
    /// Wire type 2: text, bytes, messages, packed numbers.
    Bytes(&'a [u8]),
    /// Wire types 1, 3 and 5, which no field of the API has: 64 bits, a group, 32 bits.
    Other(u8),
}

impl Payload<'_> {
    /// The error for a field that wants another encoding. `name` is its JSON name.
    pub fn wrong_type(self, name: &str) -> String {
        let wire_type = match self {
            Payload::Varint(_) => 0,
            Payload::Bytes(_) => 2,
            Payload::Other(wire_type) => wire_type,
        };
        let mut go_name = name.to_owned();
        if let Some(first) = go_name.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        format!("proto: wrong wireType = {wire_type} for field {go_name}")
    }
}

/// A message's fields, in the order they come.
#[derive(Debug)]
pub struct Reader<'a> {
    /// `DeploymentSpec`, for errors.
    message: &'a str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(message: &'a str, bytes: &'a [u8]) -> Self {
        Reader { message, rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next field with its number; `None` at the end.
    ///
    /// # Errors
    /// `unexpected EOF`, `proto: integer overflow`, `proto: Pod: illegal tag 0 (wire type 2)`, …
    pub fn field(&mut self) -> Result<Option<(u32, Payload<'a>)>, String> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, wire_type) = self.tag()?;
        if wire_type == 4 {
            return Err(format!("proto: {}: wiretype end group for non-group", self.message));
        }
        if number <= 0 {
            return Err(format!("proto: {}: illegal tag {number} (wire type {wire_type})", self.message));
        }
        let payload = match wire_type {
            0 => Payload::Varint(self.varint()?),
            2 => Payload::Bytes(self.bytes()?),
            3 => {
                self.skip_group()?;
                Payload::Other(3)
            }
            other => {
                self.skip_fixed(other)?;
                Payload::Other(other)
            }
        };
        Ok(Some((number.unsigned_abs(), payload)))
    }

    /// A number in base 128, the low digits first.
    ///
    /// # Errors
    /// `unexpected EOF`, `proto: integer overflow`.
    pub fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("proto: integer overflow".to_owned())
    }

    /// A field's number, 32 bits with a sign as in gogo, and its wire type.
    fn tag(&mut self) -> Result<(i32, u8), String> {
        let tag = self.varint()?;
        Ok(((tag >> 3) as u32 as i32, (tag & 7) as u8))
    }

    fn bytes(&mut self) -> Result<&'a [u8], String> {
        let length = self.varint()?;
        if i64::try_from(length).is_err() {
            return Err("proto: negative length found during unmarshaling".to_owned());
        }
        self.take(length)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let taken = usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let (taken, rest) = taken.ok_or_else(|| "unexpected EOF".to_owned())?;
        self.rest = rest;
        Ok(taken)
    }

    fn skip_fixed(&mut self, wire_type: u8) -> Result<(), String> {
        match wire_type {
            1 => self.take(8).map(drop),
            5 => self.take(4).map(drop),
            other => Err(format!("proto: illegal wireType {other}")),
        }
    }

    /// Skips to the end of a group whose beginning was read. Counts the groups within: recursion would hand the
    /// depth of the stack to the sender.
    fn skip_group(&mut self) -> Result<(), String> {
        let mut depth = 1_u32;
        while depth > 0 {
            match self.tag()?.1 {
                0 => drop(self.varint()?),
                2 => drop(self.bytes()?),
                3 => depth += 1,
                4 => depth -= 1,
                other => self.skip_fixed(other)?,
            }
        }
        Ok(())
    }
}

/// Text as Go's JSON encoder writes it: what is no UTF-8 becomes U+FFFD.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
