//! What can go wrong.

use net::tls::TlsError;

use crate::dial::BoxError;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The gateway refused the link or the stream, with this text.
    #[error("refused by the gateway: {0}")]
    Refused(String),
    /// The other side, or the gateway on its behalf, answered with this error.
    #[error("{0}")]
    Remote(String),
    /// No answer, or no link, before the deadline. A call or message may have arrived all the same.
    #[error("no answer before the deadline")]
    Timeout,
    /// The link was lost while the answer was outstanding. The call or message may have arrived; it is not sent again.
    #[error("the link to the gateway was lost before the answer came")]
    LinkLost,
    /// There is no link at present, and what was asked for does not wait for one.
    #[error("there is no link to the gateway at present")]
    Offline,
    /// This edge or service was closed, or has given up reconnecting.
    #[error("this edge or service is closed")]
    Closed,
    /// The stream was closed by either side before the answer came.
    #[error("the stream was closed before the answer came")]
    StreamClosed,
    /// The other side of a stream, or the gateway, ended it for this reason.
    #[error("the stream was ended: {0}")]
    Aborted(String),
    /// More calls or messages wait to be sent than [`Limits::queue_bytes`](crate::Limits::queue_bytes) allows. Nothing
    /// was sent.
    #[error("too much waits to be sent to the gateway already; try again later")]
    Congested,
    /// The encoded payload does not fit into a frame. Nothing was sent.
    #[error("the payload takes {len} bytes when encoded, the protocol allows {max}; split it, or use a stream")]
    TooLarge {
        /// Bytes that the frame would have, headers aside.
        len: usize,
        /// Bytes that a frame may have.
        max: usize,
    },
    /// The gateway could not be reached: the dialer's own error, with its own causes.
    #[error(transparent)]
    Dial(BoxError),
    /// Certificates or keys for the way to the gateway cannot be used.
    #[error("TLS to the gateway")]
    Tls(#[source] TlsError),
    /// The gateway did not finish the handshake in time, or not by the protocol.
    #[error("the gateway did not let us in: {0}")]
    Handshake(String),
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::io;

    use super::*;

    #[test]
    fn why_the_gateway_cannot_be_reached_is_said_once() {
        let source = io::Error::from(io::ErrorKind::ConnectionRefused);
        let refused = net::DialError::Failed { addr: "gateway:30012".to_owned(), source };
        let error = Error::Dial(refused.into());
        assert_eq!(error.to_string(), "cannot connect to gateway:30012");
        let cause = error.source().expect("what the system says");
        assert_eq!(cause.to_string(), "connection refused");
        assert!(cause.source().is_none());
    }
}
