//! The trace hash: a running digest of everything a world did.

/// A 64-bit FNV-1a digest, the same on every target. Not for security.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceHash(u64);

impl Default for TraceHash {
    fn default() -> Self {
        TraceHash(0xcbf2_9ce4_8422_2325)
    }
}

impl TraceHash {
    /// Folds raw bytes in.
    pub fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Folds a number in, eight bytes at a time rather than byte by byte: this runs on every event.
    pub fn number(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 29);
    }

    /// Folds a text in, with its length so that neighbours cannot run together.
    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    /// The digest so far.
    pub fn value(self) -> u64 {
        self.0
    }

    /// The digest of one text.
    pub fn of(text: &str) -> u64 {
        let mut hash = TraceHash::default();
        hash.text(text);
        hash.value()
    }
}
