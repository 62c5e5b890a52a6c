"""Beat's Celery application: it sends the schedule's ticks by name, and reads nothing of what they wake.

python -m celery -A app.beat beat
"""

from app.broker import build_celery
from app.settings import load_settings

app = build_celery(load_settings())
