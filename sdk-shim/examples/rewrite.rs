//! Replaces a word in text responses.
use sdk_shim::{
    Body, BodyKind, BodyMode, ConfigErrors, Filter, Flow, Host, MapKind, OverLimit, Path, Reply, Setup,
    export_filter,
};

/// Rewrites bodies.
pub struct Rewrite(Config);

/// What to replace.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The word.
    word: String,
    /// What it becomes.
    replacement: String,
}

impl Filter for Rewrite {
    const NAME: &'static str = "rewrite";
    type Config = Config;
    type Request = ();

    fn new(config: Config, _: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        if config.word.is_empty() {
            errors.add(&Path::root().field("word"), "an empty text", "a word");
        }
        errors.into_result(Self(config))
    }

    fn response_body_mode(&self, (): &()) -> BodyMode {
        BodyMode::Buffered { limit: 1 << 20, over: OverLimit::Reject }
    }

    fn response_headers(&self, (): &mut (), host: &mut dyn Host) -> Flow {
        let kind = host.header(MapKind::ResponseHeaders, "content-type").unwrap_or_default();
        let encoded = host.header(MapKind::ResponseHeaders, "content-encoding").is_some();
        let is_text = kind.starts_with(b"text/") && !encoded;
        // The length changes, and the headers go before the body does.
        if is_text && host.remove_header(MapKind::ResponseHeaders, "content-length").is_ok() {
            return Flow::Buffer;
        }
        Flow::Continue
    }

    fn response_body(&self, (): &mut (), body: Body<'_>, host: &mut dyn Host) -> Flow {
        let text = String::from_utf8_lossy(body.bytes);
        if !text.contains(&self.0.word) {
            return Flow::Continue;
        }
        let text = text.replace(&self.0.word, &self.0.replacement);
        match host.replace_body(BodyKind::Response, text.as_bytes()) {
            Ok(()) => Flow::Continue,
            Err(_) => Reply::new(502, "rewrite_refused").into(),
        }
    }
}
export_filter!(Rewrite);
