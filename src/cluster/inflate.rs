//! Raw DEFLATE (RFC 1951), decompressing only. A link may be cut anywhere: whatever came out before the
//! fault is given back beside it, which the browser's own streams do not promise.

/// Why decompression ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The data ends before its end mark.
    Cut,
    /// It holds something that no compressor writes.
    Corrupt,
    /// It would grow beyond the limit.
    TooLarge,
}

const BITS_MAX: usize = 15;
const LENGTH_BASE: [u16; 29] =
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_EXTRA: [u8; 29] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE: [u16; 30] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577,
];
/// The order in which the lengths of the code of code lengths are written.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Decompresses at most `limit` bytes.
pub fn inflate(data: &[u8], limit: usize) -> (Vec<u8>, Option<Fault>) {
    let mut inflater = Inflater { data, at: 0, bits: 0, count: 0, out: Vec::new(), limit };
    let fault = inflater.run().err();
    (inflater.out, fault)
}

struct Inflater<'a> {
    data: &'a [u8],
    at: usize,
    bits: u32,
    count: u32,
    out: Vec<u8>,
    limit: usize,
}

/// A canonical Huffman code: how many codes each length has, and the symbols in order.
struct Code {
    counts: [u16; BITS_MAX + 1],
    symbols: Vec<u16>,
}

impl Code {
    fn new(lengths: &[u8]) -> Result<Code, Fault> {
        let mut counts = [0_u16; BITS_MAX + 1];
        for length in lengths {
            counts[usize::from(*length)] += 1;
        }
        counts[0] = 0;
        let mut left = 1_i32;
        let mut offsets = [0_usize; BITS_MAX + 2];
        for length in 1..=BITS_MAX {
            left = (left << 1) - i32::from(counts[length]);
            if left < 0 {
                return Err(Fault::Corrupt);
            }
            offsets[length + 1] = offsets[length] + usize::from(counts[length]);
        }
        let mut symbols = vec![0; offsets[BITS_MAX + 1]];
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            let offset = &mut offsets[usize::from(*length)];
            symbols[*offset] = symbol as u16;
            *offset += 1;
        }
        Ok(Code { counts, symbols })
    }
}

impl Inflater<'_> {
    fn run(&mut self) -> Result<(), Fault> {
        loop {
            let last = self.take(1)? == 1;
            match self.take(2)? {
                0 => self.stored()?,
                1 => self.fixed()?,
                2 => self.dynamic()?,
                _ => return Err(Fault::Corrupt),
            }
            if last {
                return Ok(());
            }
        }
    }

    fn take(&mut self, need: u32) -> Result<u32, Fault> {
        while self.count < need {
            let byte = *self.data.get(self.at).ok_or(Fault::Cut)?;
            self.at += 1;
            self.bits |= u32::from(byte) << self.count;
            self.count += 8;
        }
        let value = self.bits & ((1 << need) - 1);
        self.bits >>= need;
        self.count -= need;
        Ok(value)
    }

    fn symbol(&mut self, code: &Code) -> Result<usize, Fault> {
        let (mut value, mut first, mut index) = (0_usize, 0_usize, 0_usize);
        for length in 1..=BITS_MAX {
            value |= self.take(1)? as usize;
            let count = usize::from(code.counts[length]);
            if value < first + count {
                return Ok(usize::from(code.symbols[index + value - first]));
            }
            index += count;
            first = (first + count) << 1;
            value <<= 1;
        }
        Err(Fault::Corrupt)
    }

    fn push(&mut self, byte: u8) -> Result<(), Fault> {
        if self.out.len() == self.limit {
            return Err(Fault::TooLarge);
        }
        self.out.push(byte);
        Ok(())
    }

    fn stored(&mut self) -> Result<(), Fault> {
        // The rest of the byte is skipped; whole bytes never wait in `bits`.
        (self.bits, self.count) = (0, 0);
        let length = self.take(16)?;
        if self.take(16)? != !length & 0xffff {
            return Err(Fault::Corrupt);
        }
        for _ in 0..length {
            let byte = self.take(8)? as u8;
            self.push(byte)?;
        }
        Ok(())
    }

    fn fixed(&mut self) -> Result<(), Fault> {
        let mut lengths = [8_u8; 288];
        lengths[144..256].fill(9);
        lengths[256..280].fill(7);
        self.block(&Code::new(&lengths)?, &Code::new(&[5; 30])?)
    }

    fn dynamic(&mut self) -> Result<(), Fault> {
        let literals = self.take(5)? as usize + 257;
        let distances = self.take(5)? as usize + 1;
        let written = self.take(4)? as usize + 4;
        if literals > 286 || distances > 30 {
            return Err(Fault::Corrupt);
        }
        let mut lengths = [0_u8; 19];
        for place in &ORDER[..written] {
            lengths[*place] = self.take(3)? as u8;
        }
        let code = Code::new(&lengths)?;
        let mut lengths = Vec::with_capacity(literals + distances);
        while lengths.len() < literals + distances {
            let (value, times) = match self.symbol(&code)? {
                16 => (*lengths.last().ok_or(Fault::Corrupt)?, 3 + self.take(2)?),
                17 => (0, 3 + self.take(3)?),
                18 => (0, 11 + self.take(7)?),
                length => (length as u8, 1),
            };
            lengths.extend(std::iter::repeat_n(value, times as usize));
        }
        if lengths.len() > literals + distances {
            return Err(Fault::Corrupt);
        }
        self.block(&Code::new(&lengths[..literals])?, &Code::new(&lengths[literals..])?)
    }

    fn block(&mut self, literals: &Code, distances: &Code) -> Result<(), Fault> {
        loop {
            let symbol = self.symbol(literals)?;
            if symbol < 256 {
                self.push(symbol as u8)?;
                continue;
            }
            if symbol == 256 {
                return Ok(());
            }
            let index = symbol - 257;
            let base = *LENGTH_BASE.get(index).ok_or(Fault::Corrupt)?;
            let length = usize::from(base) + self.take(u32::from(LENGTH_EXTRA[index]))? as usize;
            let index = self.symbol(distances)?;
            let base = *DISTANCE_BASE.get(index).ok_or(Fault::Corrupt)?;
            let extra = (index as u32 / 2).saturating_sub(1);
            let distance = usize::from(base) + self.take(extra)? as usize;
            let from = self.out.len().checked_sub(distance).ok_or(Fault::Corrupt)?;
            for step in 0..length {
                let byte = self.out[from + step];
                self.push(byte)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec;

    fn texts() -> Vec<Vec<u8>> {
        let mut state = 42_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        vec![
            Vec::new(),
            b"a".to_vec(),
            b"abcabcabcabc".repeat(5_000),
            include_bytes!("inflate.rs").to_vec(),
            (0..70_000).map(|_| noise()).collect(),
        ]
    }

    #[test]
    fn what_was_compressed_comes_back() {
        for text in texts() {
            for level in [0, 1, 6, 10] {
                let (out, fault) = inflate(&compress_to_vec(&text, level), 1 << 20);
                assert_eq!(fault, None, "level {level}, {} bytes", text.len());
                assert!(out == text, "level {level}, {} bytes", text.len());
            }
        }
    }

    #[test]
    fn what_is_cut_gives_its_beginning() {
        let text = include_bytes!("inflate.rs");
        let whole = compress_to_vec(text, 6);
        for length in (0..whole.len()).step_by(7) {
            let (out, fault) = inflate(&whole[..length], 1 << 20);
            assert_eq!(fault, Some(Fault::Cut), "{length} of {} bytes", whole.len());
            assert!(text.starts_with(&out), "{length} of {} bytes", whole.len());
        }
        let (half, _) = inflate(&whole[..whole.len() / 2], 1 << 20);
        assert!(half.len() > text.len() / 4, "{} of {} bytes", half.len(), text.len());
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = compress_to_vec(&vec![0; 10_000_000], 9);
        let (out, fault) = inflate(&bomb, 1_000);
        assert_eq!((out.len(), fault), (1_000, Some(Fault::TooLarge)));
    }

    #[test]
    fn nonsense_ends() {
        for seed in 0..2_000_u64 {
            let mut state = seed;
            let bytes: Vec<u8> = (0..200)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state >> 40) as u8
                })
                .collect();
            // The seed is the reproduction; that it returns is the test.
            let (out, _) = inflate(&bytes, 10_000);
            assert!(out.len() <= 10_000, "seed {seed}");
        }
    }
}
