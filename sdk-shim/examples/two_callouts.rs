//! Asks one service whose session it is, and another which plan that user has.
use sdk_shim::{
    CalloutError, ConfigErrors, Cookies, Filter, Flow, Host, HttpCall, MapKind, OnError, Reply, Setup,
    export_filter,
};
use std::rc::Rc;

/// Tells the upstream the user's plan.
pub struct Plan(Rc<Config>);

/// Whom to ask.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The cluster that knows sessions.
    sessions: String,
    /// The cluster that knows users.
    users: String,
}

impl Filter for Plan {
    const NAME: &'static str = "plan";
    type Config = Config;
    type Request = ();

    fn new(config: Config, _: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        Ok(Self(Rc::new(config)))
    }

    fn request_headers(&self, (): &mut (), host: &mut dyn Host) -> Flow {
        let headers = host.headers(MapKind::RequestHeaders);
        let session = Cookies::new(&headers).get("session").map(<[u8]>::to_vec);
        // It becomes a path: nothing else may stand in it.
        let Some(session) = session.filter(|session| session.iter().all(u8::is_ascii_alphanumeric)) else {
            return Reply::new(401, "plan_no_session").into();
        };
        let config = Rc::clone(&self.0);
        Flow::run(OnError::Deny, async move |host| {
            let session = [b"/sessions/", session.as_slice()].concat();
            let answer = host.call(HttpCall::get(&config.sessions, session)).await?;
            if answer.status() == Some(404) {
                return Ok(Reply::new(401, "plan_unknown_session").into());
            }
            let user = [b"/users/", answer.success()?.body.as_slice()].concat();
            let plan = host.call(HttpCall::get(&config.users, user)).await?.success()?.body;
            host.with(move |host| host.set_header(MapKind::RequestHeaders, "x-plan", &plan)).await?;
            Ok::<_, CalloutError>(Flow::Continue)
        })
    }
}
export_filter!(Plan);
