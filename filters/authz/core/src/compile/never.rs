//! Rules that can never match, and rules that decide nothing because others match all that they do.

use super::attribute::Attribute;
use crate::pattern::Pattern;
use sdk_shim_config::Path;
use sdk_shim_http::Cidr;

/// A list of values as it is written.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) attribute: Attribute,
    pub(super) values: Vec<String>,
    pub(super) negated: bool,
    pub(super) path: Path,
}

/// Lists that have to hold together and never do.
#[derive(Debug)]
pub(super) struct Contradiction {
    pub(super) path: Path,
    pub(super) found: String,
    pub(super) expected: &'static str,
}

/// The contradictions among lists that all have to hold. `*` without `*`, which Istio has in its own tests, is none.
pub(super) fn contradictions(lists: &[List]) -> Vec<Contradiction> {
    let mut all = Vec::new();
    for (index, list) in lists.iter().enumerate().filter(|(_, list)| !list.negated) {
        for (at, other) in lists.iter().enumerate().filter(|(_, other)| other.attribute == list.attribute) {
            let any = |fits: &dyn Fn(&str, &str) -> bool, value: &str| {
                other.values.iter().any(|other| fits(other, value))
            };
            if other.negated {
                let covers = |wide: &str, narrow: &str| list.attribute.covers(wide, narrow);
                let has_any = list.values.iter().any(|value| value == "*");
                if !has_any && list.values.iter().all(|value| any(&covers, value)) {
                    let found = format!("only values that {} excludes", other.path);
                    let expected = "a value that is left: so this never matches";
                    all.push(Contradiction { path: list.path.clone(), found, expected });
                }
            } else if at < index {
                let meets = |other: &str, value: &str| !list.attribute.is_disjoint(other, value);
                if !list.values.iter().any(|value| any(&meets, value)) {
                    let found = format!("no value that {} has as well", other.path);
                    let expected = "one, as both have to hold: so this never matches";
                    all.push(Contradiction { path: list.path.clone(), found, expected });
                }
            }
        }
    }
    all
}

/// A rule, as far as it can be compared with others.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) path: Path,
    /// What each source and each operation asks for together with the conditions; a list of none matches every request.
    pub(super) alternatives: Vec<Vec<List>>,
    /// Whether it has an expression, which is compared with nothing.
    pub(super) is_opaque: bool,
}

/// Over this number, rules are not compared with each other: it takes a time quadratic in it.
const MAX_COMPARED: usize = 500;

/// Adds rules that are to be compared. Where there are too many for it, no more are kept: each takes a kilobyte.
pub(super) fn remember(shapes: &mut Vec<Shape>, more: Vec<Shape>) {
    if shapes.len() <= MAX_COMPARED {
        shapes.extend(more);
    }
}

/// The rules of `later` that decide nothing, as a rule before them, or any of `stronger`, matches all that they match.
pub(super) fn shadowed(stronger: &[Shape], later: &[Shape], warnings: &mut Vec<String>) {
    if stronger.len() + later.len() > MAX_COMPARED {
        return;
    }
    for (index, shape) in later.iter().enumerate() {
        let before = stronger.iter().chain(later.iter().take(index));
        if let Some(other) = before.into_iter().find(|other| other.covers(shape)) {
            let (path, other) = (&shape.path, &other.path);
            warnings.push(format!("{path} decides nothing: {other} matches every request that it matches"));
        }
    }
}

impl Shape {
    fn covers(&self, narrow: &Self) -> bool {
        let covers = |wide: &[List], narrow: &[List]| {
            wide.iter().all(|list| narrow.iter().any(|other| list.is_implied_by(other)))
        };
        !self.is_opaque
            && narrow.alternatives.iter().all(|one| self.alternatives.iter().any(|wide| covers(wide, one)))
    }
}

impl List {
    /// Whether this list holds wherever the other one does.
    fn is_implied_by(&self, other: &Self) -> bool {
        if self.attribute != other.attribute || self.negated != other.negated {
            return false;
        }
        let (wide, narrow) = if self.negated { (other, self) } else { (self, other) };
        narrow.values.iter().all(|value| wide.values.iter().any(|wide| self.attribute.covers(wide, value)))
    }
}

impl Attribute {
    /// Whether a value takes all that another one does.
    fn covers(&self, wide: &str, narrow: &str) -> bool {
        if wide == narrow {
            return true;
        }
        match self.kind() {
            Kind::Text => Pattern::new(wide).covers(&Pattern::new(narrow)),
            Kind::Host => {
                Pattern::new(&wide.to_ascii_lowercase()).covers(&Pattern::new(&narrow.to_ascii_lowercase()))
            }
            Kind::Address => match (wide.parse::<Cidr>(), narrow.parse::<Cidr>()) {
                (Ok(wide), Ok(narrow)) => {
                    wide.prefix_len() <= narrow.prefix_len() && wide.contains(narrow.network())
                }
                _ => false,
            },
            Kind::Other => false,
        }
    }

    /// Whether nothing fits both values. Only where a request has one value of the attribute.
    fn is_disjoint(&self, one: &str, other: &str) -> bool {
        let is_single = matches!(
            self,
            Self::Host | Self::Method | Self::Path | Self::Consumer | Self::ServerName | Self::LocalPort
        );
        match self.kind() {
            Kind::Address => match (one.parse::<Cidr>(), other.parse::<Cidr>()) {
                (Ok(a), Ok(b)) => !a.contains(b.network()) && !b.contains(a.network()),
                _ => false,
            },
            Kind::Text if is_single => Pattern::new(one).is_disjoint(&Pattern::new(other)),
            Kind::Host => Pattern::new(&one.to_ascii_lowercase())
                .is_disjoint(&Pattern::new(&other.to_ascii_lowercase())),
            Kind::Other if is_single => one != other,
            _ => false,
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Host => Kind::Host,
            Self::PeerIp | Self::RemoteIp | Self::LocalIp => Kind::Address,
            Self::Namespace
            | Self::ServiceAccount
            | Self::RequestPrincipal
            | Self::LocalPort
            | Self::Metadata(..) => Kind::Other,
            _ => Kind::Text,
        }
    }
}

enum Kind {
    Text,
    Host,
    Address,
    Other,
}
