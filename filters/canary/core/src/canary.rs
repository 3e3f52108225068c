use crate::affinity::{Affinity, PinChange, Pinned};
use crate::claims;
use crate::condition::{Condition, Specificity};
use crate::config::{AffinityOrder, ConditionConfig, Config, Precedence};
use crate::decision::DecisionDetails;
use crate::index::{Index, IndexBuilder, Rules};
use crate::inputs::{Asked, Facts, Inputs};
use crate::key::{Drawn, Hasher};
use crate::loading::Loading;
use crate::names::quote;
use crate::output::Output;
use crate::scope::HostRank;
use crate::set::ReleaseSet;
use crate::share::{self, Namespaces};
use crate::token::Tokens;
#[cfg(feature = "trace")]
use crate::trace;
use crate::trust::{Inherit, Trust};
use crate::wish::Verdict;
use crate::{Decision, Reason, Release, STABLE, baggage};
use sdk_shim_config::{ConfigErrors, Environment, Path};
use sdk_shim_http::Headers;
use std::rc::Rc;

/// The most releases that one configuration may have.
pub const MAX_RELEASES: usize = 256;

/// A compiled configuration, which decides where requests go.
#[derive(Debug)]
pub struct Canary {
    is_enabled: bool,
    is_dry: bool,
    releases: Vec<Release>,
    concerns: Concerns,
    /// The releases that a header or a cookie asks for.
    wishes: Index,
    draws: Vec<DrawOf>,
    /// The releases that have one.
    drawn: ReleaseSet,
    /// The draws by what their conditions need.
    conditions: Index,
    namespaces: Vec<Hasher>,
    affinity: Option<Affinity>,
    inherit: Option<Inherit>,
    tokens: Tokens,
    random_value: Option<Hasher>,
    debug_header: Option<String>,
    asked: Asked,
    pub(crate) output: Output,
    warnings: ConfigErrors,
}

/// A release that may take a request by its share, and what the request must be like for it.
#[derive(Debug)]
struct DrawOf {
    release: usize,
    /// The place of the host that it has to be for, among those of the release.
    host: Option<usize>,
    condition: Option<Rc<Condition>>,
}

/// Which requests the releases concern that are on.
#[derive(Debug, Default)]
struct Concerns {
    /// The releases with the same hosts and paths, each time with the index of the first of them.
    by_scope: Vec<(usize, ReleaseSet)>,
    /// The releases that end with time.
    ending: Vec<usize>,
}

impl Canary {
    /// Checks and compiles a configuration without secrets in the environment.
    ///
    /// # Errors
    /// As [`Canary::with_env`].
    pub fn new(config: Config) -> Result<Self, ConfigErrors> {
        Self::with_env(config, &|_| None)
    }

    /// Checks and compiles a configuration. Its secrets may refer to `env`.
    ///
    /// # Errors
    /// Every violation, with the path to it.
    pub fn with_env(config: Config, env: &Environment<'_>) -> Result<Self, ConfigErrors> {
        let mut loading = Loading::new(&config);
        let root = Path::root();
        let namespaces = Namespaces::load(&config.namespaces, &root.field("namespaces"), &mut loading);
        let path = root.field("releases");
        if config.releases.len() > MAX_RELEASES {
            let found = format!("{} releases", config.releases.len());
            loading.errors.add(&path, found, format!("at most {MAX_RELEASES}"));
        }
        let mut releases = Vec::with_capacity(config.releases.len());
        let mut draws: Vec<((HostRank, Specificity), DrawOf)> = Vec::new();
        for (index, release) in config.releases.iter().enumerate() {
            let path = path.index(index);
            if releases.iter().any(|known: &Release| known.name() == release.name) {
                let found = format!("{} again", quote(&release.name));
                loading.errors.add(&path.field("name"), found, "each name once");
            }
            let compiled = Release::new(release, index, &path, &mut loading);
            let is_drawn = compiled.share.is_drawn();
            let hosts = match config.precedence {
                Precedence::Listed => vec![(HostRank::default(), None)],
                Precedence::GatewayApi => compiled.scope.host_ranks(),
            };
            releases.push(compiled);
            let alternatives = alternatives(release.matches.as_ref(), &path, config.precedence, &mut loading);
            if is_drawn {
                for (specificity, condition) in alternatives {
                    let condition = condition.map(Rc::new);
                    for &(host_rank, host) in &hosts {
                        let rank = (host_rank, specificity);
                        let at = match config.precedence {
                            Precedence::Listed => draws.len(),
                            // Behind those of the same rank: among equals the order of the list counts.
                            Precedence::GatewayApi => draws.partition_point(|(other, _)| *other >= rank),
                        };
                        let condition = condition.clone();
                        draws.insert(at, (rank, DrawOf { release: index, host, condition }));
                    }
                }
            }
        }
        share::check_sums(&config.releases, &releases, &path, &mut loading);
        let affinity =
            config.affinity.as_ref().map(|it| Affinity::new(it, &root.field("affinity"), &mut loading));
        let trust = Trust::new(&config.trust, &root.field("trust"), &mut loading.errors);
        let inherit = config
            .inherit
            .as_ref()
            .map(|inherit| Inherit::new(inherit, &root.field("inherit"), !trust.is_empty(), &mut loading));
        let tokens = Tokens::new(config.token.as_ref(), &root.field("token"), env, &mut loading.errors);
        let random_value = config.random_value.as_ref().map(|value| {
            let path = root.field("random_value");
            Hasher::new(Some(&value.seed), "", &value.key, &path, &mut loading)
        });
        let output = Output::new(&config, &releases, inherit.as_ref(), &mut loading);
        let debug_header = output.debug_header().map(str::to_owned);
        if config.country.is_some() && trust.is_empty() {
            let expected = "`trust` to name who may set it: any client can send it";
            loading.warnings.add(&root.field("country"), "a header that is believed", expected);
        }
        claims::check(config.claims.as_ref(), &root.field("claims"), &mut loading);
        let (asked, errors, warnings) = loading.finish(trust);
        let output = output.with_vary(&asked);
        let mut wishes = IndexBuilder::default();
        releases.iter().for_each(|release| wishes.add_fields(release.asked_by()));
        let mut conditions = IndexBuilder::default();
        draws.iter().for_each(|(_, draw)| conditions.add_condition(draw.condition.as_deref(), &asked));
        let mut drawn = ReleaseSet::default();
        draws.iter().for_each(|(_, draw)| drawn.insert(draw.release));
        errors.into_result(Self {
            is_enabled: config.enabled,
            is_dry: config.dry_run,
            concerns: Concerns::new(&releases),
            wishes: wishes.build(),
            releases,
            draws: draws.into_iter().map(|(_, draw)| draw).collect(),
            drawn,
            conditions: conditions.build(),
            namespaces,
            affinity,
            inherit,
            tokens,
            random_value,
            debug_header,
            asked,
            output,
            warnings,
        })
    }

    /// Where the request with these headers goes, and why.
    ///
    /// The affinity cookie beats every header, a header of any release every cookie, and a cookie every weight; among
    /// equals the first release wins. `never` keeps the request out of its own release only. Each weight is drawn for
    /// itself, so a release takes its share of the requests that no release before it took.
    pub fn decide(&self, headers: &Headers, facts: &mut dyn Facts) -> Decision<'_> {
        let mut inputs = Inputs::new(headers, &self.asked, facts);
        let mut drawn = Drawn::new(&mut inputs);
        let random_value = self.random_value.as_ref().and_then(|hasher| hasher.hash(&mut drawn));
        let inputs = &mut *drawn.inputs;
        let is_inheriting = self.inherit.is_some() && inputs.is_trusted();
        let is_debugged =
            self.debug_header.as_ref().is_some_and(|name| headers.get(name).is_some()) && inputs.is_trusted();
        let mut details = DecisionDetails { random_value, is_inheriting, is_debugged, ..Default::default() };
        let pinned =
            self.affinity.as_ref().map(|affinity| affinity.read(&self.releases, &self.tokens, inputs));
        if !self.is_enabled {
            if pinned.is_some_and(|pinned| pinned.is_there()) {
                details.pins = PinChange::Remove;
            }
            return Decision { release: None, reason: Reason::KillSwitch, details };
        }
        if let Some(release) = self.inherited(is_inheriting, inputs) {
            details.is_concerned = true;
            return Decision { release, reason: Reason::Inherited, details };
        }
        let concerning = self.concerns.of(&self.releases, inputs);
        #[cfg(feature = "trace")]
        for release in self.releases.iter().filter(|release| !concerning.contains(release.index())) {
            let why = match release.is_alive(inputs) {
                true => "its hosts or paths are others",
                false => "it is off, or over",
            };
            trace::release(release, "scope", "out", why);
        }
        details.is_concerned = !concerning.is_empty();
        let (release, reason) =
            self.choose(concerning, &pinned.unwrap_or_default(), &mut drawn, &mut details);
        details.issued = drawn.issued;
        if let (Some(affinity), Some(pinned)) = (&self.affinity, &pinned) {
            let concerning = (0..self.releases.len()).filter(|index| concerning.contains(*index));
            details.pins = affinity.change(pinned, release, concerning);
        }
        Decision { release, reason, details }
    }

    /// What a trusted source decided: a release or stable. `None` where it decided nothing that there is.
    fn inherited(&self, is_inheriting: bool, inputs: &mut Inputs<'_>) -> Option<Option<&Release>> {
        let inherit = self.inherit.as_ref().filter(|_| is_inheriting)?;
        let name = match inherit {
            Inherit::Header(name) => inputs.request().get(name)?,
            Inherit::Baggage(key) => baggage::get(inputs.request(), key)?,
        };
        if name == STABLE.as_bytes() {
            return Some(None);
        }
        let release = self.releases.iter().find(|release| release.name().as_bytes() == name)?;
        release.is_alive(inputs).then_some(Some(release))
    }

    fn choose(
        &self,
        concerning: ReleaseSet,
        pinned: &Pinned,
        drawn: &mut Drawn<'_, '_>,
        details: &mut DecisionDetails,
    ) -> (Option<&Release>, Reason) {
        let is_first = self.affinity.as_ref().is_some_and(|it| it.order == AffinityOrder::First);
        let pinned_to = || {
            let mut concerned = self.releases.iter().filter(|release| concerning.contains(release.index()));
            concerned.find(|release| pinned.pins.into.contains(release.index()))
        };
        if let Some(release) = pinned_to().filter(|_| is_first) {
            #[cfg(feature = "trace")]
            trace::release(release, "affinity", "in", "the affinity cookie names it");
            return (Some(release), Reason::Affinity);
        }
        let mut open = concerning;
        let mut by_cookie = None;
        let mut why_stable = Reason::Default;
        if is_first {
            self.keep_out(&mut open, pinned, &mut why_stable);
        }
        for index in self.wishes(drawn.inputs).iter() {
            let Some(release) = self.releases.get(index).filter(|_| open.contains(index)) else { continue };
            let read = release.by_header(drawn.inputs, &self.tokens);
            #[cfg(feature = "trace")]
            if release.has_header() {
                trace::wish(release, "header", read);
            }
            match read {
                Some((Verdict::In, reason)) => return (Some(release), reason),
                Some((Verdict::Out, reason)) => {
                    why_stable = why_stable.min(reason);
                    open.remove(index);
                    continue;
                }
                None => {}
            }
            if by_cookie.is_some() {
                continue;
            }
            let read = release.by_cookie(drawn.inputs, &self.tokens);
            #[cfg(feature = "trace")]
            if release.has_cookie() {
                trace::wish(release, "cookie", read);
            }
            match read {
                Some((Verdict::In, reason)) => by_cookie = Some((release, reason)),
                Some((Verdict::Out, reason)) => {
                    why_stable = why_stable.min(reason);
                    open.remove(index);
                }
                None => {}
            }
        }
        if let Some((release, reason)) = by_cookie {
            return (Some(release), reason);
        }
        if let Some(release) = pinned_to().filter(|release| open.contains(release.index())) {
            #[cfg(feature = "trace")]
            trace::release(release, "affinity", "in", "the affinity cookie names it");
            return (Some(release), Reason::Affinity);
        }
        open.intersect(&self.drawn);
        // Where the cookie beats only weights it keeps out now; else it has.
        self.keep_out(&mut open, pinned, &mut why_stable);
        for draw in self.candidates(drawn.inputs).iter().filter_map(|index| self.draws.get(index)) {
            let Some(release) = self.releases.get(draw.release) else { continue };
            let is_for_host = draw.host.is_none_or(|host| release.scope.covers_host(host, drawn.inputs));
            if !open.contains(draw.release) || !is_for_host {
                continue;
            }
            if draw.condition.as_ref().is_some_and(|condition| !condition.holds(drawn.inputs)) {
                #[cfg(feature = "trace")]
                if let Some(condition) = draw.condition.as_ref().filter(|_| trace::is_heard()) {
                    trace::release(release, "match", "out", trace::why_not(condition, drawn.inputs));
                }
                continue;
            }
            let result = release.share.draw(
                #[cfg(feature = "trace")]
                release,
                &self.namespaces,
                drawn,
            );
            let Some(result) = result else { continue };
            details.bucket = result.bucket;
            if result.is_in {
                return (Some(release), release.share_reason);
            }
            why_stable = why_stable.min(release.share_reason);
        }
        (None, why_stable)
    }

    /// Takes out the releases that the affinity cookie keeps the user out of.
    fn keep_out(&self, open: &mut ReleaseSet, pinned: &Pinned, why_stable: &mut Reason) {
        #[cfg(feature = "trace")]
        for release in &self.releases {
            if open.contains(release.index()) && pinned.pins.out_of.contains(release.index()) {
                trace::release(release, "affinity", "out", "the affinity cookie keeps the user out of it");
            }
        }
        if open.subtract(&pinned.pins.out_of) {
            *why_stable = (*why_stable).min(Reason::Affinity);
        }
    }

    /// The releases that the request's headers and cookies may ask for.
    fn wishes(&self, inputs: &mut Inputs<'_>) -> Rules {
        #[cfg(feature = "trace")]
        if trace::is_heard() {
            return Rules::below(self.releases.len());
        }
        self.wishes.rules(inputs)
    }

    /// The draws whose conditions the request may meet.
    fn candidates(&self, inputs: &mut Inputs<'_>) -> Rules {
        #[cfg(feature = "trace")]
        if trace::is_heard() {
            return Rules::below(self.draws.len());
        }
        self.conditions.rules(inputs)
    }

    /// The releases, in the order of the configuration.
    pub fn releases(&self) -> &[Release] {
        &self.releases
    }

    /// Whether decisions are only shown: everything goes to stable.
    pub fn is_dry(&self) -> bool {
        self.is_dry
    }

    /// All pairs of release (`None` for stable) and reason that [`Canary::decide`] can return, so that metrics can be
    /// defined at load.
    pub fn outcomes(&self) -> Vec<(Option<&Release>, Reason)> {
        if !self.is_enabled {
            return vec![(None, Reason::KillSwitch)];
        }
        let rules =
            || self.releases.iter().flat_map(|release| release.reasons().map(move |it| (release, it)));
        let into = rules().filter(|(_, (verdict, _))| *verdict == Verdict::In);
        let mut out: Vec<Reason> = rules()
            .filter(|(_, (verdict, _))| *verdict == Verdict::Out)
            .map(|(_, (_, reason))| reason)
            .collect();
        out.push(Reason::Default);
        let of_any = [
            (self.inherit.is_some(), Reason::Inherited),
            (self.affinity.is_some() && !self.releases.is_empty(), Reason::Affinity),
        ];
        let of_any = of_any.into_iter().filter(|(is_on, _)| *is_on).map(|(_, reason)| reason);
        out.extend(of_any.clone());
        let stable = Reason::ALL.into_iter().filter(|reason| out.contains(reason));
        let from_any =
            of_any.flat_map(|reason| self.releases.iter().map(move |release| (Some(release), reason)));
        into.map(|(release, (_, reason))| (Some(release), reason))
            .chain(from_any)
            .chain(stable.map(|reason| (None, reason)))
            .collect()
    }

    /// What is legal, and will hardly do what was meant.
    pub fn warnings(&self) -> &ConfigErrors {
        &self.warnings
    }

    pub(crate) fn affinity(&self) -> Option<&Affinity> {
        self.affinity.as_ref()
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }
}

impl Concerns {
    fn new(releases: &[Release]) -> Self {
        let mut concerns = Self::default();
        for release in releases.iter().filter(|release| release.is_enabled()) {
            let known = concerns
                .by_scope
                .iter_mut()
                .find(|(first, _)| releases.get(*first).is_some_and(|first| first.scope == release.scope));
            match known {
                Some((_, same)) => same.insert(release.index()),
                None => {
                    let mut set = ReleaseSet::default();
                    set.insert(release.index());
                    concerns.by_scope.push((release.index(), set));
                }
            }
            if release.share.has_end() {
                concerns.ending.push(release.index());
            }
        }
        concerns
    }

    /// The releases that concern a request.
    fn of(&self, releases: &[Release], inputs: &mut Inputs<'_>) -> ReleaseSet {
        let mut concerning = ReleaseSet::default();
        for (first, same) in &self.by_scope {
            if releases.get(*first).is_some_and(|first| first.scope.covers(inputs)) {
                concerning.extend(same);
            }
        }
        for &index in &self.ending {
            let release = releases.get(index).filter(|_| concerning.contains(index));
            if release.is_some_and(|release| release.share.has_ended(inputs)) {
                concerning.remove(index);
            }
        }
        concerning
    }
}

/// What of a `match` is ranked for itself, with its rank.
fn alternatives(
    config: Option<&ConditionConfig>,
    path: &Path,
    precedence: Precedence,
    loading: &mut Loading,
) -> impl Iterator<Item = (Specificity, Option<Condition>)> + use<> {
    let path = path.field("match");
    let mut ranked = Vec::new();
    match config {
        None => ranked.push((Specificity::default(), None)),
        Some(ConditionConfig::Any(conditions))
            if precedence == Precedence::GatewayApi && !conditions.is_empty() =>
        {
            for (index, config) in conditions.iter().enumerate() {
                let condition = Condition::new(config, &path.field("any").index(index), loading);
                ranked.push((Specificity::of(config), Some(condition)));
            }
        }
        Some(config) => {
            let condition = Condition::new(config, &path, loading);
            ranked.push((Specificity::of(config), Some(condition)));
        }
    }
    ranked.into_iter()
}
