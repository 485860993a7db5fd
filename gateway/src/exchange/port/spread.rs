//! Messages of an edge that bridges take, alone or beside a service.

use std::time::Instant;

use bridges::EdgeMeta;
use bytes::Bytes;
use proto::body::Body;
use proto::id::{EdgeId, SessionId};
use transport::Backing;

use super::super::text::encode;
use super::super::{BridgeReply, Due, Forward, ReplyTo, RouteError, Targets, Waiter};
use super::{Passage, Pending, Port};

/// The edge whose message it is.
pub(crate) struct Publisher<'a> {
    pub(crate) id: EdgeId,
    pub(crate) meta: &'a [u8],
}

impl Port {
    /// Queues a message of `publisher` at each of `targets`, which hold bridges. It is acked once all of them have accepted;
    /// the first that does not answers it with an error, which takes it back from none of the others.
    ///
    /// # Errors
    /// Why nobody got it; nothing was answered then.
    #[allow(clippy::too_many_arguments, reason = "a forward is these things")]
    pub(crate) fn spread(
        &mut self,
        now: Instant,
        passage: &Passage,
        body: &Body<'_>,
        due: Due,
        backing: Backing<'_>,
        publisher: &Publisher<'_>,
        targets: &Targets,
    ) -> Result<(), RouteError> {
        if self.pending.contains_key(&passage.packet) {
            return Err(RouteError::IdReused);
        }
        let (Some(all), Some(chosen)) = (&self.exchange.bridges, &targets.bridges) else {
            return Err(RouteError::NoTopic);
        };
        let to_service = match &targets.service {
            None => None,
            Some(service) => {
                let custom = body.custom.with_tail(publisher.id.0);
                let deadlines =
                    Body { deadline: due.deadline, context_deadline: due.context, ..body.passed_on(custom) };
                Some((&service.handle, service.handle.packet(), encode(&deadlines, backing)?))
            }
        };
        let kind = passage.kind;
        let left = u16::try_from(chosen.len() + usize::from(to_service.is_some())).unwrap_or(u16::MAX);
        let target = to_service.as_ref().map(|(link, packet, _)| ((*link).clone(), *packet));
        let (session, cost) = (passage.session, passage.cost);
        let pending = Pending { kind, session, cost, since: now, key: None, target, left, answered: false };
        self.pending.insert(passage.packet, pending);
        let reply = || ReplyTo::new(&self.handle, passage.packet);

        let (payload, custom) = (Bytes::from(body.value.decode()), Bytes::from(body.custom.decode()));
        let message = all.message(publisher.id, &body.topic, payload, custom);
        let meta = EdgeMeta::new(publisher.meta);
        for at in chosen.iter() {
            let answer = BridgeReply { reply: reply(), on_expiry: due.error };
            all.handles()[*at].publish(now, &message, &meta, due.at, answer);
        }
        if let Some((link, packet, text)) = to_service {
            let waiter = Waiter::Reply(reply(), due.error);
            Forward { kind, packet, session: SessionId::MAIN, text, due, waiter }.send(link);
        }
        Ok(())
    }
}
