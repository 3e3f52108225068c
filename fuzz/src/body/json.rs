//! JSON as another parser reads it: serde's.

use std::fmt;

use super::Item;
use portcullis_engine::body::{BodyError, Limits};
use serde::Deserializer as _;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

/// Both parsers take the same documents and find the same values under the same names, but for what is known: ours takes
/// halves of surrogate pairs and any number, serde's nests to 128 only.
pub(super) fn compare(text: &[u8], items: &[Item], result: Result<(), BodyError>) {
    let mut leaves = Leaves::default();
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let other =
        deserializer.deserialize_any(At(&mut leaves, b"json".to_vec())).and_then(|()| deserializer.end());
    let show = text.escape_ascii();
    match (result, other) {
        (Ok(()), Ok(())) => {
            assert_eq!(items.len(), leaves.0.len(), "{show}");
            for (item, (name, value)) in items.iter().zip(&leaves.0) {
                let Item::Argument(found_name, found) = item else { panic!("{item:?}") };
                assert_eq!(found_name.escape_ascii().to_string(), name.escape_ascii().to_string(), "{show}");
                match value {
                    Leaf::Text(text) => assert_eq!(found, text, "{show}"),
                    Leaf::Number(number) => {
                        let found: f64 = std::str::from_utf8(found).unwrap().parse().unwrap();
                        assert!((found - number).abs() <= number.abs() * 1e-12, "{found} {number} in {show}");
                    }
                }
            }
        }
        (Ok(()), Err(error)) => {
            let error = error.to_string();
            let is_known = text.is_empty()
                || ["number out of range", "hex escape", "surrogate", "recursion limit"]
                    .iter()
                    .any(|known| error.contains(known));
            assert!(is_known, "only we take {show}: {error}");
        }
        (Err(error), Ok(())) => {
            let is_limit = matches!(error, BodyError::TooManyArguments | BodyError::TooManyBytes);
            assert!(is_limit && items.len() <= Limits::default().arguments, "only we refuse {show}: {error}");
        }
        (Err(_), Err(_)) => {}
    }
}

#[derive(Default)]
struct Leaves(Vec<(Vec<u8>, Leaf)>);

enum Leaf {
    Text(Vec<u8>),
    Number(f64),
}

/// The value that has this name.
struct At<'l>(&'l mut Leaves, Vec<u8>);

impl At<'_> {
    fn leaf<E>(self, leaf: Leaf) -> Result<(), E> {
        self.0.0.push((self.1, leaf));
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.leaf(Leaf::Text(value.to_string().into_bytes()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.leaf(Leaf::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.leaf(Leaf::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.leaf(Leaf::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.leaf(Leaf::Text(value.as_bytes().to_vec()))
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.leaf(Leaf::Text(Vec::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut index = 0;
        loop {
            let name = [&self.1, format!(".array_{index}").as_bytes()].concat();
            if elements.next_element_seed(At(self.0, name))?.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key::<String>()? {
            let key = if key.is_empty() { "empty-key" } else { &key };
            members.next_value_seed(At(self.0, [&self.1, b".".as_slice(), key.as_bytes()].concat()))?;
        }
        Ok(())
    }
}
