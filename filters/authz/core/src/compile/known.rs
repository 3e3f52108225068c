use super::attribute::Attribute;
use crate::address::CidrSet;
use crate::config::IpList;
use crate::matcher::Matcher;
use crate::sorted::{Map, Names};
use sdk_shim_config::{ConfigErrors, Path};
use sdk_shim_http::Cidr;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// What the rest of the configuration says, against which policies are checked.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    /// The names that credentials give to requests.
    pub(crate) consumers: &'a Names,
    /// The groups that consumers are in.
    pub(crate) groups: Names,
    /// Whether tokens are looked at.
    pub(crate) has_tokens: bool,
    pub(crate) blocks: Blocks,
    pub(crate) matchers: Matchers,
    /// The trust domain of the mesh and its aliases.
    pub(crate) trust_domains: &'a [String],
    /// Whether to follow what allows less where Istio's documentation and code differ.
    pub(crate) strict: bool,
}

/// Lists of values that were compiled already. Policies of many services repeat the same methods, identities and blocks.
#[derive(Debug, Default)]
pub(crate) struct Matchers(RefCell<HashMap<Listed, Rc<Matcher>>>);

/// What is compared, in which namespace, with which values, and whether in the narrower reading.
type Listed = (Attribute, Option<String>, Vec<String>, bool);

impl Matchers {
    pub(super) fn get(&self, listed: &Listed) -> Option<Rc<Matcher>> {
        self.0.borrow().get(listed).cloned()
    }

    pub(super) fn insert(&self, listed: Listed, matcher: &Rc<Matcher>) {
        self.0.borrow_mut().insert(listed, Rc::clone(matcher));
    }
}

/// Lists of addresses by name.
#[derive(Debug, Default)]
pub(crate) struct Blocks(Map<Vec<Cidr>>);

impl Blocks {
    #[inline(never)]
    pub(crate) fn new(lists: &[IpList], errors: &mut ConfigErrors) -> Self {
        let mut blocks = Map::default();
        for (index, list) in lists.iter().enumerate() {
            let path = Path::root().field("ip_lists").index(index);
            if !super::is_name(&list.name) {
                let expected = "1 to 253 letters, digits, `.`, `_`, `-` and `/`";
                errors.add(&path.field("name"), format!("{:?}", list.name), expected);
            }
            let path_of_blocks = path.field("blocks");
            let parsed = list.blocks.iter().enumerate();
            let parsed =
                parsed.filter_map(|(at, text)| parse(text, || path_of_blocks.index(at), errors)).collect();
            if !blocks.insert(&list.name, parsed) {
                let found = format!("`{}` for a second time", list.name);
                errors.add(&path.field("name"), found, "each name once");
            }
        }
        Self(blocks)
    }

    /// The set of these addresses, blocks and `@names`.
    pub(crate) fn read(&self, values: &[String], path: &Path, errors: &mut ConfigErrors) -> CidrSet {
        let mut blocks = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            match value.strip_prefix('@') {
                None => blocks.extend(parse(value, || path.index(index), errors)),
                Some(name) => match self.0.get(name) {
                    Some((_, list)) => blocks.extend(list),
                    None => {
                        errors.add(&path.index(index), format!("`{value}`"), "the name of one of ip_lists")
                    }
                },
            }
        }
        CidrSet::new(blocks)
    }
}

fn parse(text: &str, path: impl Fn() -> Path, errors: &mut ConfigErrors) -> Option<Cidr> {
    match text.parse() {
        Ok(block) => Some(block),
        Err(error) => {
            let expected = "an IP address or a block in CIDR notation, as 10.0.0.0/8";
            errors.add(&path(), format!("`{text}`, {error}"), expected);
            None
        }
    }
}
