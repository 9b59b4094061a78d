"""What a run has to do, as frozen data, complete and checked before anything is sent.

Law: pure. `model.py` says what a plan is; `validation.py` refuses one that makes no sense; `toml_file.py` reads one
from TOML, `plan_json.py` from a form's fields; `placeholders.py` fills the placeholders of a request. Nothing here
opens a connection or looks at a clock.
"""
