//! A module that does with a real host what the examples don't: the path of a request names it. For the integration tests.
use sdk_shim::{
    CalloutError, CalloutId, CalloutResponse, ConfigErrors, Filter, FilterStateLife, Flow, GrpcCall,
    GrpcEvent, GrpcStreamCall, GrpcStreamId, Handle, Host, HostError, HttpCall, MapKind, OnError, Property,
    QueueId, Reply, Setup, SignatureHash, Watch, export_filter,
};

/// Tries.
pub struct Probe {
    config: Config,
    queue: Watch<QueueId>,
}

/// What it tries with.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    public_key: Vec<u8>,
    signature: Vec<u8>,
}

const RECEIVED: &str = "probe.received";

impl Filter for Probe {
    const NAME: &'static str = "probe";
    type Config = Config;
    /// The answers of callouts that have come.
    type Request = Vec<(CalloutId, String)>;

    fn new(config: Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        setup.shared_data(RECEIVED, "");
        let queue = Watch::default();
        let registered = queue.clone();
        setup.spawn(async move |host| {
            let Ok(queue) = host.with(|host| host.register_queue("probe")).await else { return };
            registered.set(queue);
            while let Ok(item) = host.receive(queue).await {
                let noted = host.with(move |host| {
                    host.update_shared_data(RECEIVED, &mut |before| [before, item.as_slice(), b" "].concat())
                        .map(drop)
                });
                if noted.await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { config, queue })
    }

    fn request_headers(&self, _: &mut Self::Request, host: &mut dyn Host) -> Flow {
        let path = host.header(MapKind::RequestHeaders, ":path").unwrap_or_default();
        self.probe(&path, host)
            .unwrap_or_else(|error| Reply::new(500, "probe").with_body(error.to_string()).into())
    }

    fn grpc_event(&self, _: &mut Self::Request, _: GrpcStreamId, _: GrpcEvent, _: &mut dyn Host) -> Flow {
        Flow::Await
    }

    fn callout_response(
        &self,
        answers: &mut Self::Request,
        callout: CalloutId,
        answer: CalloutResponse,
        _: &mut dyn Host,
    ) -> Flow {
        answers.push((callout, String::from_utf8_lossy(&answer.body).into_owned()));
        if answers.len() < 3 {
            return Flow::Await;
        }
        answers.sort_by_key(|(callout, _)| callout.0);
        text(answers.iter().map(|(_, body)| body.as_str()).collect::<Vec<_>>().join(" "))
    }
}

impl Probe {
    fn probe(&self, path: &[u8], host: &mut dyn Host) -> Result<Flow, HostError> {
        Ok(match path {
            b"/grpc" => Flow::run(OnError::Deny, async |host| {
                let call =
                    GrpcCall::new("grpc", "probe.v1.Probe", "Ask", b"question").metadata("x-meta", b"m\xff");
                Ok::<_, HostError>(match host.call_grpc(call).await {
                    Ok(message) => text(message),
                    Err(error) => text(error.to_string()),
                })
            }),
            b"/stream" => talk(async |host| {
                let stream = host.open_grpc(open().metadata("x-meta", b"m")).await?;
                let mut heard = Vec::new();
                for message in ["one", "two"] {
                    stream.send(message).await?;
                    heard.extend(stream.receive().await?.ok_or(CalloutError::NoAnswer)?);
                    heard.push(b' ');
                }
                stream.finish().await?;
                let end = stream.receive().await?;
                let (metadata, trailers) = (stream.metadata(), stream.trailers());
                let kind = metadata.get("content-type").unwrap_or_default();
                let status = trailers.get("grpc-status").unwrap_or_default();
                Ok([&heard, format!("{end:?} ").as_bytes(), kind, b" ", status].concat())
            }),
            b"/stream-cancelled" => talk(async |host| {
                let stream = host.open_grpc(open()).await?;
                stream.send("one").await?;
                Ok(stream.receive().await?.unwrap_or_default())
            }),
            b"/stream-left" => talk(async |host| {
                let stream = host.open_grpc(open()).await?;
                stream.send("left").await?;
                while stream.receive().await?.is_some() {}
                Ok(Vec::new())
            }),
            b"/stream-left-open" => {
                let stream = host.open_grpc(&open())?;
                host.grpc_send(stream, b"left")?;
                Flow::Await
            }
            b"/peer" => {
                let mut told = |property: Property| {
                    let text = host.text(property).unwrap_or_else(|| "-".to_owned());
                    format!("{property:?}={text}\n")
                };
                let texts = [
                    Property::PeerSubject,
                    Property::PeerUriSan,
                    Property::PeerDnsSan,
                    Property::PeerCertificateDigest,
                    Property::RequestedServerName,
                    Property::TlsVersion,
                ];
                let texts: String = texts.into_iter().map(&mut told).collect();
                text(format!("{texts}mtls={}\n", host.flag(Property::ConnectionMtls)))
            }
            b"/three" => {
                for path in ["/a", "/b", "/c"] {
                    host.send(&HttpCall::get("http", path).header("x-bytes", b"\xfe\xff"))?;
                }
                Flow::Await
            }
            b"/verify" => {
                let mut verify = |text: &[u8]| {
                    let Config { public_key, signature } = &self.config;
                    host.verify_signature(SignatureHash::Sha256, public_key, signature, text)
                };
                text(format!("{} {}", verify(b"signed")?, verify(b"forged")?))
            }
            b"/state" => {
                host.set_filter_state("probe", b"kept")?;
                host.set_envoy_filter_state("envoy.string", b"shown", FilterStateLife::Request)?;
                text(host.filter_state("probe").unwrap_or_default())
            }
            b"/no-such-state" => text(format!(
                "{:?}",
                host.set_envoy_filter_state("no.such.key", b"", FilterStateLife::Request)
            )),
            b"/no-such-function" => text(format!("{:?}", host.foreign("no_such_function", b""))),
            b"/enqueue" => {
                let queue = self.queue.get().ok_or(HostError::Refused(1))?;
                host.enqueue(*queue, b"item")?;
                text("done")
            }
            b"/received" => text(host.shared_data(RECEIVED)?.unwrap_or_default().bytes),
            b"/conflict" => {
                host.set_shared_data("probe.conflict", b"1", None)?;
                let version = host.shared_data("probe.conflict")?.map(|value| value.version);
                let first = host.set_shared_data("probe.conflict", b"2", version);
                text(format!("{first:?} {:?}", host.set_shared_data("probe.conflict", b"3", version)))
            }
            _ => Flow::Continue,
        })
    }
}

/// The client hears what comes of it.
fn talk<T: Future<Output = Result<Vec<u8>, CalloutError>> + 'static>(work: impl FnOnce(Handle) -> T) -> Flow {
    Flow::run(OnError::Deny, |host| {
        let work = work(host);
        async move { Ok::<_, HostError>(work.await.map_or_else(|error| text(error.to_string()), text)) }
    })
}

fn open() -> GrpcStreamCall {
    GrpcStreamCall::new("grpc", "probe.v1.Probe", "Talk")
}

fn text(body: impl Into<Vec<u8>>) -> Flow {
    Reply::new(200, "probe").with_body(body).into()
}

export_filter!(Probe);
