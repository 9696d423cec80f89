//! Named random streams. A stream is forked by name from the world's seed, so that a new process
//! does not shift what the others draw.

use rand::Rng;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

use super::hash::TraceHash;

/// One named stream of random numbers: portable (the same on 32 and 64 bit) and cloneable.
#[derive(Clone, Debug)]
pub struct Random(Pcg64Mcg);

impl Random {
    /// The stream `name` of the world with `seed`.
    pub fn fork(seed: u64, name: &str) -> Self {
        let mut hash = TraceHash::default();
        hash.number(seed);
        hash.text(name);
        Random(Pcg64Mcg::seed_from_u64(hash.value()))
    }

    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A uniform number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64 }
    }

    /// True `parts` times in a million.
    pub fn chance_ppm(&mut self, parts: u32) -> bool {
        self.below(1_000_000) < u64::from(parts)
    }

    /// `count` characters as `k8s.io/apimachinery/pkg/util/rand.String` draws them: no vowels and
    /// nothing easily mistaken for another, so that no name spells a word.
    pub fn suffix(&mut self, count: usize) -> String {
        const ALPHANUMS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        (0..count).map(|_| ALPHANUMS[self.below(ALPHANUMS.len() as u64) as usize] as char).collect()
    }

    /// A version 4 UUID.
    pub fn uuid(&mut self) -> String {
        let high = self.bits() & 0xffff_ffff_ffff_0fff | 0x4000;
        let low = self.bits() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}
