/* SPDX-License-Identifier: MIT */
/* TRANSACTION_START, TRANSACTION_END. */
#include "quota.h"
#include "request.h"

int op_transaction_start(struct request *rq)
{
	char number[WIRE_NUMBER_MAX + 1];
	struct tx *tx;
	int err;

	if (rq->tx)
		return -EBUSY;
	err = quota_check(rq, STORE_QUOTA_TRANSACTIONS, (uint64_t)rq->dom->transactions + 1);
	if (!err)
		err = quota_check_memory(rq, rq->dom, TX_BYTES);
	if (!err)
		err = tx_new(rq->s, rq->conn, &tx);
	if (err)
		return err;
	number[wire_put_number(number, tx->id)] = '\0';
	return reply_string(rq, number);
}

static void lost(struct request *rq, const struct objection *why)
{
	if (rq->conn->lost < 2 * LOST_MANY) /* soon forgotten, once it gets through */
		rq->conn->lost++;
	rq->conn->traffic.conflicts++;
	rq->s->stats.conflicts++;
	conflict_record(rq->s, rq->conn, rq->tx, why);
}

static void won(struct conn *conn)
{
	conn->traffic.committed++;
	if (conn->lost)
		conn->lost--;
}

int op_transaction_end(struct request *rq)
{
	const char *verdict;
	size_t len;
	struct objection why;
	int err = 0;

	if (request_one_string(rq, &verdict, &len) || len != 1 || (verdict[0] != 'T' && verdict[0] != 'F'))
		return -EINVAL;
	if (!rq->tx)
		return -ENOENT;
	if (verdict[0] == 'T')
		err = tx_commit(rq->s, rq->tx, rq->out, &why);
	if (err == -EAGAIN)
		lost(rq, &why);
	else if (!err && verdict[0] == 'T')
		won(rq->conn);
	tx_free(rq->s, rq->tx);
	rq->tx = NULL;
	return err ? err : reply_ok(rq);
}
