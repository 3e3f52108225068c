//! Asks a gRPC service whose token it is, and hears on a stream which groups that user is in.
use sdk_shim::{
    CalloutError, ConfigErrors, Filter, Flow, GrpcCall, GrpcStreamCall, Host, MapKind, OnError, Reply, Setup,
    export_filter,
};

/// Tells the upstream the user's groups.
pub struct Groups(Config);

/// Whom to ask.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The cluster that knows users. It speaks HTTP/2.
    cluster: String,
}

impl Filter for Groups {
    const NAME: &'static str = "groups";
    type Config = Config;
    type Request = ();

    fn new(config: Config, _: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        Ok(Self(config))
    }

    fn request_headers(&self, (): &mut (), host: &mut dyn Host) -> Flow {
        let Some(token) = host.header(MapKind::RequestHeaders, "x-token") else {
            return Reply::new(401, "groups_no_token").into();
        };
        // Messages are bytes: protobuf is the business of a crate such as prost.
        let call = GrpcCall::new(&self.0.cluster, "users.v1.Users", "Whose", token);
        let listing = GrpcStreamCall::new(&self.0.cluster, "users.v1.Users", "Groups");
        Flow::run(OnError::Deny, async move |host| {
            let user = match host.call_grpc(call).await {
                // The service knows no such token: not found.
                Err(CalloutError::Grpc(status)) if status.code == 5 => {
                    return Ok(Reply::new(401, "groups_unknown_token").into());
                }
                answer => answer?,
            };
            let stream = host.open_grpc(listing).await?;
            stream.send(user).await?;
            stream.finish().await?;
            let mut groups = Vec::new();
            while let Some(group) = stream.receive().await? {
                groups.push(group);
            }
            let groups = groups.join(&b',');
            host.with(move |host| host.set_header(MapKind::RequestHeaders, "x-groups", &groups)).await?;
            Ok::<_, CalloutError>(Flow::Continue)
        })
    }
}
export_filter!(Groups);
