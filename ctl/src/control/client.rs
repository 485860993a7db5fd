//! The way to the control plane.

use std::io;
use std::time::Duration;

use api::controlplane::control_plane_client::ControlPlaneClient;
use hyper_util::rt::TokioIo;
use net::tls::TlsConnector;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::codegen::InterceptedService;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::ControlArgs;
use super::profile::Profile;
use crate::connect::LinkArgs;
use crate::failure::{Failure, complete};

/// Where a gateway of this machine has it.
const USUAL: &str = "127.0.0.1:30010";

/// How long an answer may take: a little longer than the gateway takes at most.
const PATIENCE: Duration = Duration::from_secs(35);

/// A client of the control plane.
pub(crate) type Client = ControlPlaneClient<InterceptedService<Channel, Token>>;

/// Shows the token with every request.
#[derive(Debug, Clone)]
pub(crate) struct Token(Option<MetadataValue<Ascii>>);

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// Any byte stream.
trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Makes clients.
pub(super) async fn connect(control: &ControlArgs, link: &LinkArgs) -> Result<Client, Failure> {
    let profile = Profile::load(control.profile.as_deref())?;
    let addr = control.endpoint.clone().or(profile.endpoint).unwrap_or_else(|| USUAL.to_owned());
    let given = control.token.is_some() || control.token_file.is_some();
    let token = match (&control.token, &control.token_file) {
        (Some(token), _) => Some(token.clone()),
        (None, Some(file)) => Some(token_in(file)?),
        (None, None) => None,
    };
    let token = match (token, profile.token, profile.token_file) {
        (None, _, Some(file)) if !given => Some(token_in(&file)?),
        (token, in_profile, _) => token.or(in_profile),
    };
    let token = Token(token.as_deref().map(header).transpose()?);
    let tls = link.tls_connector()?.map(|tls| tls.offering(&[b"h2"]));
    let channel = dial(&addr, tls, link).await?;
    Ok(ControlPlaneClient::with_interceptor(channel, token).max_decoding_message_size(usize::MAX))
}

/// What a request's header says of the token.
fn header(token: &str) -> Result<MetadataValue<Ascii>, Failure> {
    let value = MetadataValue::try_from(format!("Bearer {token}").as_bytes());
    let mut value = value.map_err(|_| Failure::Local("the token has characters that no token can have".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// One newline at its end belongs to the file.
fn token_in(file: &std::path::Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| Failure::Local(format!("{}: cannot be read: {error}", file.display())))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

async fn dial(addr: &str, tls: Option<TlsConnector>, link: &LinkArgs) -> Result<Channel, Failure> {
    let (limit, name) = (link.connect_timeout(), link.tls_name().map(str::to_owned));
    let target = addr.to_owned();
    let connector = tower::service_fn(move |_: http::Uri| {
        let (addr, tls, name) = (target.clone(), tls.clone(), name.clone());
        async move {
            let stream: Box<dyn Io> = match &tls {
                None => Box::new(net::dial(&addr, limit).await.map_err(io::Error::other)?),
                Some(tls) => {
                    Box::new(net::dial_tls(&addr, tls, name.as_deref(), limit).await.map_err(io::Error::other)?)
                }
            };
            Ok::<_, io::Error>(TokioIo::new(stream))
        }
    });
    // What is dialed is what the connector dials: this is only what the request's header says.
    let endpoint = Endpoint::from_static("http://frontier").timeout(PATIENCE);
    let channel = endpoint.connect_with_connector(connector).await;
    channel.map_err(|error| Failure::NoLink(told(&error)))
}

/// What went wrong, without the layers that only say that something did.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut at = Some(error);
    while let Some(error) = at {
        // An error that is wrapped into one of the system's is none of its sources.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(dial) = wrapped.and_then(|inner| inner.downcast_ref::<net::DialError>()) {
            return complete(dial);
        }
        at = error.source();
    }
    complete(error)
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let text = match status.message() {
            "" => status.code().description().to_owned(),
            message => message.to_owned(),
        };
        match status.code() {
            Code::DeadlineExceeded | Code::Cancelled => Self::TimedOut(text),
            Code::Unauthenticated | Code::PermissionDenied => Self::NoLink(text),
            // The records may be unavailable, which the gateway says, or the gateway, which is found out here.
            Code::Unavailable | Code::Unknown | Code::Internal if std::error::Error::source(&status).is_some() => {
                Self::NoLink(told(&status))
            }
            _ => Self::FarSide(text),
        }
    }
}
