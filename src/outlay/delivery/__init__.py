"""From the ledger to the backends: at least once, nothing lost, and never on a thread of the application's.

``asked`` reads what the settings ask for, ``Courier`` is the one thread of one exporter, ``Delivery`` what it does with
a batch, ``Handover`` how a batch is split until a bad record is alone, ``Lease`` what keeps two processes from sending
the same.
"""
