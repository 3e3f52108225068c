use super::{Caller, Problem};
use crate::address::CidrSet;
use crate::authz::Outcome;
use crate::compile::{Compiler, Known, is_name};
use crate::config::{Config, CredentialKind, Requirement as Written};
use crate::facts::Facts;
use crate::policies::{Builder, Policies};
use crate::sorted::Names;
use sdk_shim_config::{ConfigErrors, Path};

/// A set of kinds of credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown(u8);

impl Shown {
    pub(crate) fn add(&mut self, kind: CredentialKind) {
        self.0 |= 1 << (kind as u8);
    }

    pub(crate) fn kinds(self) -> impl Iterator<Item = CredentialKind> {
        use CredentialKind::{ApiKey, Basic, Hmac, Jwt};
        [ApiKey, Basic, Hmac, Jwt].into_iter().filter(move |kind| self.has(*kind))
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn has(self, kind: CredentialKind) -> bool {
        self.0 & 1 << (kind as u8) != 0
    }
}

impl FromIterator<CredentialKind> for Shown {
    fn from_iter<I: IntoIterator<Item = CredentialKind>>(kinds: I) -> Self {
        let mut shown = Self::default();
        kinds.into_iter().for_each(|kind| shown.add(kind));
        shown
    }
}

/// What a request has to show, compiled.
#[derive(Debug)]
pub(crate) enum Requirement {
    Nothing,
    Kind(CredentialKind),
    Consumers(Names),
    Groups(Names),
    RemoteIp(CidrSet),
    NotRemoteIp(CidrSet),
    Any(Vec<Requirement>),
    All(Vec<Requirement>),
}

/// Whether a request shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    Yes,
    /// It could, with other credentials.
    Unauthenticated,
    /// It could not.
    Forbidden,
}

impl Requirement {
    /// Of several answers the best counts in `any`, the worst in `all`: an address that is wrong is not mended by a password.
    pub(crate) fn answer(&self, caller: &Caller<'_>, facts: &mut Facts<'_>) -> Answer {
        let of_consumer = |fits: &dyn Fn(&str) -> bool| match caller.consumer {
            Some(consumer) if fits(consumer) => Answer::Yes,
            Some(_) if !caller.shown.is_empty() => Answer::Forbidden,
            _ => Answer::Unauthenticated,
        };
        let of = |fits: bool| if fits { Answer::Yes } else { Answer::Forbidden };
        match self {
            Self::Nothing => Answer::Yes,
            Self::Kind(kind) if caller.shown.has(*kind) => Answer::Yes,
            Self::Kind(_) => Answer::Unauthenticated,
            Self::Consumers(names) => of_consumer(&|consumer| names.contains(consumer)),
            Self::Groups(names) => of_consumer(&|_| caller.groups.iter().any(|group| names.contains(group))),
            Self::RemoteIp(blocks) => {
                of(facts.remote_address().is_some_and(|address| blocks.contains(address)))
            }
            // An address that is not known is not known to be none of them.
            Self::NotRemoteIp(blocks) => {
                of(facts.remote_address().is_some_and(|address| !blocks.contains(address)))
            }
            Self::Any(items) => {
                items.iter().map(|item| item.answer(caller, facts)).min().unwrap_or(Answer::Forbidden)
            }
            Self::All(items) => {
                items.iter().map(|item| item.answer(caller, facts)).max().unwrap_or(Answer::Yes)
            }
        }
    }

    /// The kinds that it speaks of, which a request without them is told to show.
    fn kinds(&self, kinds: &mut Vec<CredentialKind>) {
        match self {
            Self::Kind(kind) if !kinds.contains(kind) => kinds.push(*kind),
            Self::Any(items) | Self::All(items) => items.iter().for_each(|item| item.kinds(kinds)),
            _ => {}
        }
    }
}

/// What requests have to show, by where they go.
#[derive(Debug)]
pub(crate) struct Requirements {
    routes: Policies,
    by_route: Vec<Required>,
    default: Required,
    pub(crate) route_names: Vec<String>,
}

/// What requests on a route have to show.
#[derive(Debug)]
pub(crate) struct Required {
    pub(crate) requirement: Requirement,
    pub(crate) ignored: Shown,
    /// What a request that does not show it is told to.
    pub(crate) kinds: Vec<CredentialKind>,
}

impl Required {
    fn new(requirement: Requirement, ignored: Shown, all: &[CredentialKind]) -> Self {
        let mut kinds = Vec::new();
        requirement.kinds(&mut kinds);
        if kinds.is_empty() {
            kinds = all.iter().copied().filter(|kind| !ignored.has(*kind)).collect();
        }
        Self { requirement, ignored, kinds }
    }

    /// Why a request that does not show it is denied. Where all that is asked for is one credential, that one is missing.
    pub(crate) fn denial(&self) -> Outcome {
        let kind = match &self.requirement {
            Requirement::Kind(kind) => Some(kind),
            Requirement::All(items) => match items.as_slice() {
                [Requirement::Kind(kind)] => Some(kind),
                _ => None,
            },
            _ => None,
        };
        kind.map_or(Outcome::DenyUnauthenticated, |kind| Outcome::DenyCredential(*kind, Problem::Missing))
    }
}

impl Requirements {
    /// Compiles `require` and `routes`. `required` is what holds where neither is given, `all` the kinds there are.
    #[inline(never)]
    pub(crate) fn new(
        config: &Config,
        required: Vec<CredentialKind>,
        all: &[CredentialKind],
        known: &Known<'_>,
        errors: &mut ConfigErrors,
    ) -> Self {
        let reader = &mut Reader { known, kinds: all };
        let compiler = &mut Compiler::new(None, known, false, errors);
        let root = Path::root();
        let default = match &config.require {
            Some(require) => reader.read(require, &root.field("require"), 0, compiler.errors),
            None => Requirement::All(required.into_iter().map(Requirement::Kind).collect()),
        };
        let mut builder = Builder::default();
        let mut by_route = Vec::new();
        let mut names = Names::default();
        for (index, route) in config.routes.iter().enumerate() {
            let path = root.field("routes").index(index);
            if !is_name(&route.name) || route.name == "none" || names.insert(&route.name).is_err() {
                let expected = "1 to 253 letters, digits, `.`, `_`, `-` and `/`, once, but not `none`";
                compiler.errors.add(&path.field("name"), format!("`{}`", route.name), expected);
            }
            let (rule, operations) = compiler.route(index, &route.to, &path);
            builder.add(rule, operations);
            let requirement = reader.read(&route.require, &path.field("require"), 0, compiler.errors);
            for (at, kind) in route.ignore.iter().enumerate() {
                reader.check_kind(*kind, &path.field("ignore").index(at), compiler.errors);
            }
            let ignored: Shown = route.ignore.iter().copied().collect();
            let required = Required::new(requirement, ignored, all);
            if let Some(kind) = required.kinds.iter().find(|kind| ignored.has(**kind)) {
                let found = format!("{kind:?}, which `ignore` leaves out");
                compiler.errors.add(&path.field("require"), found, "another credential");
            }
            by_route.push(required);
        }
        Self {
            // What cannot be told makes a route match: it says what is required.
            routes: builder.build(true),
            by_route,
            default: Required::new(default, Shown::default(), all),
            route_names: config.routes.iter().map(|route| route.name.clone()).collect(),
        }
    }

    /// The route of a request, and what is required on it.
    pub(crate) fn of(&self, facts: &mut Facts<'_>) -> (Option<usize>, &Required) {
        let route = if self.by_route.is_empty() { None } else { self.routes.first_match(facts) };
        (route, self.get(route))
    }

    /// What is required on a route.
    pub(crate) fn get(&self, route: Option<usize>) -> &Required {
        route.and_then(|route| self.by_route.get(route)).unwrap_or(&self.default)
    }
}

/// Reads requirements, and checks them against what is configured.
struct Reader<'a> {
    pub(crate) known: &'a Known<'a>,
    pub(crate) kinds: &'a [CredentialKind],
}

/// How deep requirements are nested.
const MAX_DEPTH: usize = 8;

impl Reader<'_> {
    fn read(
        &mut self,
        config: &Written,
        path: &Path,
        depth: usize,
        errors: &mut ConfigErrors,
    ) -> Requirement {
        if depth > MAX_DEPTH {
            errors.add(path, "any and all in one another", format!("at most {MAX_DEPTH} levels of them"));
            return Requirement::Nothing;
        }
        let mut kind = |kind| {
            self.check_kind(kind, path, errors);
            Requirement::Kind(kind)
        };
        match config {
            Written::Nothing => Requirement::Nothing,
            Written::ApiKey => kind(CredentialKind::ApiKey),
            Written::Basic => kind(CredentialKind::Basic),
            Written::Hmac => kind(CredentialKind::Hmac),
            Written::Jwt => kind(CredentialKind::Jwt),
            Written::Consumers(names) => {
                let path = path.field("consumers");
                let known = |name: &str| self.known.consumers.contains(name);
                check_names(names, known, "a consumer that a credential names", &path, errors);
                Requirement::Consumers(set(names))
            }
            Written::Groups(names) => {
                let path = path.field("groups");
                let known = |name: &str| self.known.groups.contains(name);
                check_names(names, known, "a group of one of `consumers`", &path, errors);
                Requirement::Groups(set(names))
            }
            Written::RemoteIp(values) => {
                Requirement::RemoteIp(self.addresses(values, &path.field("remote_ip"), errors))
            }
            Written::NotRemoteIp(values) => {
                Requirement::NotRemoteIp(self.addresses(values, &path.field("not_remote_ip"), errors))
            }
            Written::Any(items) => Requirement::Any(self.items(items, &path.field("any"), depth, errors)),
            Written::All(items) => Requirement::All(self.items(items, &path.field("all"), depth, errors)),
        }
    }

    fn addresses(&self, values: &[String], path: &Path, errors: &mut ConfigErrors) -> CidrSet {
        if values.is_empty() {
            errors.add(path, "an empty list", "at least one address");
        }
        self.known.blocks.read(values, path, errors)
    }

    fn items(
        &mut self,
        items: &[Written],
        path: &Path,
        depth: usize,
        errors: &mut ConfigErrors,
    ) -> Vec<Requirement> {
        if items.is_empty() {
            errors.add(path, "an empty list", "at least one item");
        }
        let items = items.iter().enumerate();
        items.map(|(index, item)| self.read(item, &path.index(index), depth + 1, errors)).collect()
    }

    fn check_kind(&self, kind: CredentialKind, path: &Path, errors: &mut ConfigErrors) {
        if !self.kinds.contains(&kind) {
            let field = match kind {
                CredentialKind::ApiKey => "api_keys",
                CredentialKind::Basic => "basic",
                CredentialKind::Hmac => "hmac",
                CredentialKind::Jwt => "request_authentication",
            };
            errors.add(
                path,
                format!("{kind:?}"),
                format!("another credential, as {field} is not configured"),
            );
        }
    }
}

fn set(names: &[String]) -> Names {
    let mut set = Names::default();
    set.extend(names.iter().map(String::as_str));
    set
}

fn check_names(
    names: &[String],
    known: impl Fn(&str) -> bool,
    expected: &'static str,
    path: &Path,
    errors: &mut ConfigErrors,
) {
    if names.is_empty() {
        errors.add(path, "an empty list", "at least one name");
    }
    for (index, name) in names.iter().enumerate() {
        if !known(name) {
            errors.add(&path.index(index), format!("`{name}`"), expected);
        }
    }
}
