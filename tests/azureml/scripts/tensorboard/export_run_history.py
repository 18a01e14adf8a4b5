"""The cells of tensorboard/export-run-history-to-tensorboard, their calls as they are typed there."""

import os

import azureml.core
from azureml.core import Experiment, Workspace
from azureml.tensorboard import Tensorboard
from azureml.tensorboard.export import export_to_tensorboard
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split

print("SDK version:", azureml.core.VERSION)
ws = Workspace.from_config()
exp = Experiment(ws, "export-to-tensorboard")
root_run = exp.start_logging()
X, y = load_diabetes(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
for alpha in [0.1, 0.2, 0.3]:
    with root_run.child_run("alpha" + str(alpha)) as run:
        reg = Ridge(alpha=alpha)
        reg.fit(x_train, y_train)
        mse = mean_squared_error(reg.predict(x_test), y_test)
        run.log("alpha", alpha)
        run.log("mse", mse)
        root_run.log("alpha", alpha)
        root_run.log("mse", mse)

logdir = "exportedTBlogs"
os.makedirs(logdir, exist_ok=True)
export_to_tensorboard(root_run, logdir)
root_run.complete()
print("exported:", len(os.listdir(logdir)), root_run.get_status())
tb = Tensorboard([], local_root=logdir, port=int(os.environ["TB_PORT"]))
url = tb.start()
print("url:", url)
tb.stop()
