"""The platform's mind: what is wanted, what is so, and who makes the two agree. `cloud.Cloud` is its one door.

Pure decisions (`placement`, `sizing`, `decide`, `fleet_plan`, `reasons`) stand apart from the tasks that act on
them. Only an instance's `InstanceReconciler` writes its state; everyone else asks it, or reads the frozen record.
"""
