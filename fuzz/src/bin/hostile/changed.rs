//! How the search changes a request.

use portcullis_fuzz::genome::{Genome, LENGTHS, Number};
use portcullis_fuzz::shape::Shape;

use crate::pool::{Pool, Random};

/// One thing changed.
pub(crate) fn changed(mut genome: Genome, pool: &Pool, random: &mut Random) -> Genome {
    for _ in 0..=random.below(2) {
        match random.below(13) {
            0 => genome.unit = pool.unit(random),
            1 => genome.prefix = pool.unit(random),
            2 => genome.suffix = pool.unit(random),
            3 => genome.unit.extend(pool.unit(random)),
            4 => {
                let at = random.below(genome.unit.len());
                genome.unit[at] = random.below(256) as u8;
            }
            5 => {
                let at = random.below(genome.unit.len() + 1);
                let other = pool.unit(random);
                genome.unit.splice(at..at, other);
            }
            6 if genome.unit.len() > 1 => {
                let start = random.below(genome.unit.len());
                let end = start + 1 + random.below(genome.unit.len() - start);
                if end - start < genome.unit.len() {
                    genome.unit.drain(start..end);
                }
            }
            7 => genome.repeat = 1 + random.below(8),
            8 => genome.number = Number::ALL[random.below(Number::ALL.len())],
            9 => genome.encoded = random.below(3) as u8,
            10 => genome.long = random.below(LENGTHS.len()),
            11 => genome.shape = Shape::ALL[random.below(Shape::ALL.len())],
            _ => genome.prefix.clear(),
        }
    }
    genome.unit.truncate(4096);
    genome
}
