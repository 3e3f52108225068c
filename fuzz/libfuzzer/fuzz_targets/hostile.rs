//! Maximises the instructions that a request takes: the compiler has each block of code counted (`fuzz/build.sh`), and a request that
//! takes more blocks than others did is to libFuzzer what new code is, so it is kept and changed.

#![no_main]

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use portcullis_fuzz::genome::Genome;

/// Blocks of code that ran.
static BLOCKS: AtomicU64 = AtomicU64::new(0);
/// The most that a request took.
static MOST: AtomicU64 = AtomicU64::new(0);

/// What libFuzzer takes for code: a counter for each 64th of a power of two.
#[used]
#[unsafe(link_section = "__libfuzzer_extra_counters")]
static COSTS: [AtomicU8; 64 * 64] = [const { AtomicU8::new(0) }; 64 * 64];

/// Runs at each block of code but this one: the pass leaves functions of such names out.
#[unsafe(no_mangle)]
pub extern "C" fn __sanitizer_cov_trace_pc() {
    BLOCKS.store(BLOCKS.load(Relaxed).wrapping_add(1), Relaxed);
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut blocks = cost(input);
    // The first to ask a pattern has it compiled.
    if blocks > MOST.load(Relaxed) {
        blocks = blocks.min(cost(input));
    }
    if let Some(counter) = COSTS.get(place(blocks)) {
        counter.store(1, Relaxed);
    }
    if blocks > MOST.fetch_max(blocks, Relaxed) {
        let Genome { shape, unit, repeat, number, long, encoded, .. } = Genome::from_bytes(input);
        let unit = unit.escape_ascii();
        eprintln!(
            "{blocks} blocks: {shape:?} of \"{unit}\" x {repeat}, number {number:?}, length {long}, encoded {encoded} times"
        );
    }
});

fn cost(input: &[u8]) -> u64 {
    let before = BLOCKS.load(Relaxed);
    portcullis_fuzz::hostile::check(input);
    BLOCKS.load(Relaxed) - before
}

/// Higher for more.
fn place(blocks: u64) -> usize {
    let power = blocks.max(1).ilog2();
    let part = if power < 6 { 0 } else { blocks >> (power - 6) & 63 };
    power as usize * 64 + part as usize
}
