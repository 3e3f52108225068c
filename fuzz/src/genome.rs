//! A request in the form that searches for expensive ones change.

use crate::corpus::percent_encode;
use crate::request::Request;
use crate::shape::Shape;

/// A shape, and a unit that is repeated to fill it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genome {
    /// What is filled.
    pub shape: Shape,
    /// What comes before the units.
    pub prefix: Vec<u8>,
    /// What is repeated.
    pub unit: Vec<u8>,
    /// What comes behind them.
    pub suffix: Vec<u8>,
    /// How often the unit stands in each of many places.
    pub repeat: usize,
    /// Where each of many places has its number, so that no two are equal.
    pub number: Number,
    /// How long what stands there once is, such as a key with values under it: a place in [`LENGTHS`].
    pub long: usize,
    /// How often it is percent-encoded.
    pub encoded: u8,
}

/// Where the text of one of many places has its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "their names say what they are")]
pub enum Number {
    None,
    Before,
    Behind,
}

impl Number {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Before, Self::Behind];
}

/// How long what stands there once can be, in bytes.
pub const LENGTHS: [usize; 16] =
    [10, 20, 40, 60, 80, 100, 150, 250, 400, 700, 1_000, 1_500, 2_500, 4_000, 5_500, 7_000];

impl Genome {
    /// Of a unit that fills the shape.
    pub fn new(shape: Shape, unit: Vec<u8>) -> Self {
        let (prefix, suffix) = (Vec::new(), Vec::new());
        Self { shape, prefix, unit, suffix, repeat: 1, number: Number::Behind, long: 4, encoded: 0 }
    }

    /// A request of at most that many bytes.
    pub fn request(&self, bytes: usize) -> Request {
        let piece = |index: usize, size: usize| {
            let mut unit = self.unit.clone();
            for _ in 0..self.encoded {
                unit = percent_encode(&unit);
            }
            let mut text = Vec::new();
            if self.number == Number::Before && size == 0 {
                text.extend(format!("{index:x}").bytes());
            }
            text.extend_from_slice(&self.prefix);
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
            if self.number == Number::Behind && size == 0 {
                text.extend(format!("{index:x}").bytes());
            }
            text
        };
        // Escapes make a text longer than its size: take away as much.
        let mut room = bytes;
        loop {
            let request = self.shape.request(room, LENGTHS[self.long % LENGTHS.len()], &piece);
            let length = request.to_bytes().len();
            if length <= bytes || room < 512 {
                return request;
            }
            room -= (length - bytes).min(room / 2).max(16);
        }
    }

    /// From any bytes: three choose, and the others are the unit.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (head, unit) = bytes.split_at(bytes.len().min(3));
        let byte = |index: usize| head.get(index).copied().unwrap_or_default();
        let shape = Shape::ALL[usize::from(byte(0)) % Shape::ALL.len()];
        let unit = if unit.is_empty() { b"a".to_vec() } else { unit.to_vec() };
        Self {
            repeat: 1 + usize::from(byte(1) % 8),
            number: Number::ALL[usize::from(byte(2) % 3)],
            encoded: byte(2) / 3 % 3,
            long: usize::from(byte(1) / 8),
            ..Self::new(shape, unit)
        }
    }
}
