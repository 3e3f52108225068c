//! Numbers for the tests, the same on every machine.

/// xorshift64, from a seed that is not 0; Marsaglia, "Xorshift RNGs", section 4.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next number, below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
