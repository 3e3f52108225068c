//! A request in the form that the search changes.

use crate::pool::{Pool, Random};
use crate::shape::Shape;
use portcullis_fuzz::corpus::percent_encode;
use portcullis_fuzz::request::Request;

/// A shape, and a unit that is repeated to fill it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Genome {
    pub(crate) shape: Shape,
    pub(crate) prefix: Vec<u8>,
    pub(crate) unit: Vec<u8>,
    pub(crate) suffix: Vec<u8>,
    /// How often the unit stands in each of many places.
    pub(crate) repeat: usize,
    /// Whether the units are numbered, so that no two places are equal.
    pub(crate) numbered: bool,
    /// How often it is percent-encoded.
    pub(crate) encoded: u8,
}

impl Genome {
    pub(crate) fn new(shape: Shape, unit: Vec<u8>) -> Self {
        Self { shape, prefix: Vec::new(), unit, suffix: Vec::new(), repeat: 1, numbered: true, encoded: 0 }
    }

    /// A request of at most that many bytes.
    pub(crate) fn request(&self, bytes: usize) -> Request {
        let piece = |index: usize, size: usize| {
            let mut unit = self.unit.clone();
            for _ in 0..self.encoded {
                unit = percent_encode(&unit);
            }
            let mut text = self.prefix.clone();
            let count = if size == 0 { self.repeat } else { size / unit.len().max(1) + 1 };
            for _ in 0..count {
                text.extend_from_slice(&unit);
            }
            if size > 0 {
                text.truncate(size.saturating_sub(self.suffix.len()));
            }
            text.extend_from_slice(&self.suffix);
            if size > 0 {
                text.truncate(size);
            }
            if self.numbered && size == 0 {
                text.extend(format!("{index:x}").bytes());
            }
            text
        };
        // Escapes make a text longer than its size: take away as much.
        let mut room = bytes;
        loop {
            let request = self.shape.request(room, &piece);
            let length = request.to_bytes().len();
            if length <= bytes || room < 512 {
                return request;
            }
            room -= (length - bytes).min(room / 2).max(16);
        }
    }

    /// One thing changed.
    pub(crate) fn changed(mut self, pool: &Pool, random: &mut Random) -> Self {
        for _ in 0..=random.below(2) {
            match random.below(11) {
                0 => self.unit = pool.unit(random),
                1 => self.prefix = pool.unit(random),
                2 => self.suffix = pool.unit(random),
                3 => self.unit.extend(pool.unit(random)),
                4 => {
                    let at = random.below(self.unit.len());
                    self.unit[at] = random.below(256) as u8;
                }
                5 => {
                    let at = random.below(self.unit.len() + 1);
                    let other = pool.unit(random);
                    self.unit.splice(at..at, other);
                }
                6 if self.unit.len() > 1 => {
                    let start = random.below(self.unit.len());
                    let end = start + 1 + random.below(self.unit.len() - start);
                    if end - start < self.unit.len() {
                        self.unit.drain(start..end);
                    }
                }
                7 => self.repeat = 1 + random.below(8),
                8 => self.numbered = !self.numbered,
                9 => self.encoded = random.below(3) as u8,
                10 => self.shape = Shape::ALL[random.below(Shape::ALL.len())],
                _ => self.prefix.clear(),
            }
        }
        self.unit.truncate(4096);
        self
    }
}
