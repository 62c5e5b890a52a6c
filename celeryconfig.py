"""How Celery runs Doorstep: data only. The broker's address comes from DOORSTEP_BROKER_URL.

PostgreSQL holds all the truth; a task is only a wake-up that names a kind of work. Losing one costs a tick, running
one twice repeats nothing.
"""

from kombu import Exchange, Queue

# The nameless exchange delivers to the queue of that name without a routing table in the broker, so that flushing
# Redis in the middle of the day loses wake-ups but never the way to the queues.
_direct = Exchange("")

# One queue a kind of work, so that a carrier that answers slowly never keeps a message waiting. Who takes `poll` should
# wait in threads (`-P threads`), one a carrier, so that a slow carrier never keeps another waiting either.
task_queues = [
    Queue("tick", _direct, routing_key="tick"),  # looks for what is due; milliseconds
    Queue("poll", _direct, routing_key="poll"),  # waits for carriers
    Queue("push", _direct, routing_key="push"),  # what carriers tell of their own accord; milliseconds
    Queue("urgent", _direct, routing_key="urgent"),  # what arrives today must not wait behind a long bulk batch
    Queue("send", _direct, routing_key="send"),  # waits for providers
    Queue("settle", _direct, routing_key="settle"),  # leases, silence, providers' reports, promises, alarms
]
task_default_queue = "tick"
task_default_exchange = ""
task_default_exchange_type = "direct"
task_default_routing_key = "tick"
task_create_missing_queues = False

task_routes = {
    "doorstep.tick": {"queue": "tick"},
    "doorstep.watch": {"queue": "settle"},
    "doorstep.poll": {"queue": "poll"},
    "doorstep.hear_pushes": {"queue": "push"},
    "doorstep.look_again": {"queue": "push"},
    "doorstep.urgent": {"queue": "urgent"},
    "doorstep.send": {"queue": "send"},
    "doorstep.recover": {"queue": "settle"},
    "doorstep.digest_reports": {"queue": "settle"},
    "doorstep.brake": {"queue": "settle"},
    "doorstep.alarms": {"queue": "settle"},
    "doorstep.links": {"queue": "settle"},
    "doorstep.prune": {"queue": "settle"},
    "doorstep.refold": {"queue": "settle"},
}

# A tick that could not run before the next one is worthless: it expires instead of piling up behind an outage.
beat_schedule = {
    "what-is-due": {"task": "doorstep.tick", "schedule": 1.0, "options": {"expires": 2.0}},
    "pushed": {"task": "doorstep.hear_pushes", "schedule": 1.0, "options": {"expires": 10.0}},
    "pushed-before-the-order": {"task": "doorstep.look_again", "schedule": 15.0, "options": {"expires": 30.0}},
    "broken-promises": {"task": "doorstep.watch", "schedule": 2.0, "options": {"expires": 4.0}},
    # One machine gives these a worker of their own, the queue `settle`; elsewhere they may share processes with long
    # work. Dropped after seconds, they would not be done at all while a backlog keeps all of those busy, just when
    # leases end and reports pile up; done ten times over they cost little.
    "lost-and-unanswered": {"task": "doorstep.recover", "schedule": 2.0, "options": {"expires": 20.0}},
    "reports": {"task": "doorstep.digest_reports", "schedule": 1.0, "options": {"expires": 10.0}},
    "storms": {"task": "doorstep.brake", "schedule": 2.0, "options": {"expires": 20.0}},
    "what-is-wrong": {"task": "doorstep.alarms", "schedule": 10.0, "options": {"expires": 60.0}},
    "links-asked-for": {"task": "doorstep.links", "schedule": 2.0, "options": {"expires": 20.0}},
    "mapped-codes": {"task": "doorstep.refold", "schedule": 5.0, "options": {"expires": 20.0}},
    "kept-long-enough": {"task": "doorstep.prune", "schedule": 600.0, "options": {"expires": 300.0}},
}
# The longest that beat sleeps: short, so that it notices a changed clock and stops quickly.
beat_max_loop_interval = 1.0

# One task at a time in hand: a wake-up that waits behind another process's long batch helps nobody.
worker_prefetch_multiplier = 1
# Nothing reads results; storing them would be a write to the broker for every task.
task_ignore_result = True
# A wake-up is spent when it is taken. Work that a dead worker held comes due again by its lease, not by the broker.
task_acks_late = False
# Longer than any batch takes (a task stops claiming after 20 s): a guard against a hang, not a schedule. Threads cannot
# be stopped so; there each call has its own total deadline.
task_soft_time_limit = 240
task_time_limit = 300
# A broker that is away is waited for, for ever; a caller that only wakes others gives up after a second.
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
broker_transport_options = {
    "socket_connect_timeout": 2.0,
    "socket_timeout": 30.0,
    "socket_keepalive": True,
    "health_check_interval": 20,
    "visibility_timeout": 3600,
}
task_publish_retry = False
# Pickle is never accepted: a broker is reachable by more programs than this one.
accept_content = ["json"]
task_serializer = "json"
enable_utc = True
timezone = "UTC"
worker_hijack_root_logger = False
worker_send_task_events = False
worker_cancel_long_running_tasks_on_connection_loss = False
