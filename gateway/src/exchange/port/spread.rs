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
    /// the first that does not answers it with an error, and those that have not sent it on by then never do.
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
        let (payload, custom) = (Bytes::from(body.value.decode()), Bytes::from(body.custom.decode()));
        let message = all.message(publisher.id, &body.topic, payload, custom);
        let meta = EdgeMeta::new(publisher.meta);
        let reply = || ReplyTo::new(&self.handle, passage.packet);
        // Answers come as commands, none before this ends.
        let (mut left, mut taken) = (0, true);
        for at in chosen.iter() {
            let answer = BridgeReply { reply: reply(), on_expiry: due.error };
            taken = all.handles()[*at].publish(now, &message, &meta, due.at, answer);
            left += 1;
            if !taken {
                message.give_up();
                break;
            }
        }
        let kind = passage.kind;
        let target = to_service.filter(|_| taken).map(|(link, packet, text)| {
            let waiter = Waiter::Reply(reply(), due.error);
            Forward { kind, packet, session: SessionId::MAIN, text, due, waiter }.send(link);
            left += 1;
            (link.clone(), packet)
        });
        let (session, cost, message) = (passage.session, passage.cost, Some(message));
        let pending = Pending { kind, session, cost, since: now, key: None, target, message, left, answered: false };
        self.pending.insert(passage.packet, pending);
        Ok(())
    }
}
