//! Files that the system passes to the socket, at the client's pace.

use super::exchanging::Run;
use super::streaming::has_read;
use super::{Budget, Downstream};
use crate::engine::arena::Key;
use crate::engine::context::Context;
use crate::engine::exchange::{Exchange, Stage};
use crate::engine::sending::{Ahead, Passed, Passing, Sending};
use crate::engine::site::Site;
use crate::engine::socket::Sent;
use crate::engine::stats::WorkerStats;
use crate::service::FileBody;

impl Downstream {
    /// Begins to send a file: the system passes it if it can over this connection.
    pub(super) fn begin_sending(&self, file: FileBody, site: &Site, stats: &WorkerStats) -> Stage {
        let passing = || Passing::new(site.limits.pipe_bytes_max);
        let passing = self.socket.passes_files().then(passing);
        Stage::Sending(Sending::new(file, passing, stats))
    }

    /// Has the system pass the next piece of the file, behind what is queued.
    pub(super) fn pass_file(
        &mut self,
        exchange: &mut Exchange,
        id: Key,
        cx: &mut Context,
        budget: &mut Budget,
    ) -> Run {
        let Stage::Sending(sending) = &mut exchange.stage else {
            return Run::Waits;
        };
        let before = cx.out.len();
        let next = sending.look_ahead(&self.socket, &mut cx.out, &cx.stats);
        let texts = cx.out.len() - before;
        budget.spend(texts);
        exchange.bytes_out += texts as u64;
        match next {
            Ahead::Cold(read) => {
                return match has_read(read, id, &exchange.wanted, cx) {
                    true => Run::Waits,
                    false => Run::Cut,
                };
            }
            Ahead::Waits => return Run::Waits,
            Ahead::Cut => return Run::Cut,
            Ahead::End => {
                exchange.stage = Stage::Done;
                return Run::Moved;
            }
            Ahead::Warm => {}
        }
        let queued = cx.out.len();
        if self.flush_before_file(cx) != Sent::All || !self.socket.can_write() {
            return Run::Waits;
        }
        match sending.pass(queued, &mut self.socket, &cx.stats) {
            Passed::Bytes(count) => {
                self.sent = true;
                exchange.bytes_out += count as u64;
                budget.spend(count);
                Run::Moved
            }
            Passed::Refused => Run::Moved,
            Passed::Blocked => Run::Waits,
            Passed::Cut => Run::Cut,
            Passed::Broken => Run::Left,
        }
    }

    fn flush_before_file(&mut self, cx: &mut Context) -> Sent {
        let sent = self.socket.flush_before_file(&mut cx.out, &mut cx.pool);
        self.sent |= self.socket.take_sent();
        sent
    }
}
