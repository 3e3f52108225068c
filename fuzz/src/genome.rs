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
    /// Whether the units are numbered, so that no two places are equal.
    pub numbered: bool,
    /// How often it is percent-encoded.
    pub encoded: u8,
}

impl Genome {
    /// Of a unit that fills the shape.
    pub fn new(shape: Shape, unit: Vec<u8>) -> Self {
        Self { shape, prefix: Vec::new(), unit, suffix: Vec::new(), repeat: 1, numbered: true, encoded: 0 }
    }

    /// A request of at most that many bytes.
    pub fn request(&self, bytes: usize) -> Request {
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

    /// From any bytes: three choose, and the others are the unit.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (head, unit) = bytes.split_at(bytes.len().min(3));
        let byte = |index: usize| head.get(index).copied().unwrap_or_default();
        let shape = Shape::ALL[usize::from(byte(0)) % Shape::ALL.len()];
        let unit = if unit.is_empty() { b"a".to_vec() } else { unit.to_vec() };
        Self {
            repeat: 1 + usize::from(byte(1) % 8),
            numbered: byte(2) & 1 == 0,
            encoded: (byte(2) >> 1) % 3,
            ..Self::new(shape, unit)
        }
    }
}
