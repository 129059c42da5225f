"""Runs one sensor of a StackStorm pack, unchanged. It follows common.py, service.py and modules.py."""

import difflib


def load(order):
    """The class of the sensor."""
    sys.path[:0] = order["folders"]
    path, class_name = order["file"], order["class"]
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(name, module)
    spec.loader.exec_module(module)
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        classes = [name for name, it in vars(module).items() if isinstance(it, type) and it.__module__ == module.__name__]
        near = difflib.get_close_matches(class_name, classes, 1)
        hint = f"did you mean {near[0]}?" if near else "it has " + (", ".join(classes) or "none")
        raise NotFound(f"there is no class {class_name} in {path}: {hint}")
    needed = PollingSensor if issubclass(found, PollingSensor) else BaseSensor
    methods = {name: getattr(found, name, None) for name in sorted(needed.__abstractmethods__)}
    lacking = [name for name, it in methods.items() if not callable(it) or getattr(it, "__isabstractmethod__", False)]
    if lacking:
        raise NotFound(f"the class {class_name} in {path} lacks {', '.join(lacking)}: a sensor has to have all methods of its base")
    return found


def make(found, service, order):
    arguments = {"sensor_service": service, "config": order["config"]}
    if order["poll_interval"] and issubclass(found, PollingSensor):
        arguments["poll_interval"] = order["poll_interval"]
    return found(**arguments)


def run(sensor):
    sensor.run()
    # As at the end of a Python program: threads may be all that a sensor has.
    import threading

    others = True
    while others:
        # To eventlet the one that runs now is not the main one.
        own = (threading.main_thread(), threading.current_thread())
        others = [it for it in threading.enumerate() if it not in own and not it.daemon]
        for other in others:
            other.join()


def clean_up(link, sensor):
    link.begin_to_end()
    try:
        sensor.cleanup()
    except Stopped:
        print("cleanup was left: the service takes nothing any more", file=sys.stderr)
    except BaseException:
        traceback.print_exc()


def serve(link, order):
    """Runs the sensor to its end, and gives the exit status."""
    sensor = None
    doing = "it cannot be loaded:"
    status, why = 0, None
    try:
        use_eventlet()
        log_to_stderr()
        service = SensorService(link, order["pack"], order["class"])
        provide_modules(Polling(link, service.get_logger("poll")))
        found = load(order)
        doing = f"the constructor of {order['class']} raised"
        sensor = make(found, service, order)

        def finish():
            clean_up(link, sensor)
            end(0)

        link.finish = finish
        doing = "setup raised"
        sensor.setup()
        doing = "run raised"
        run(sensor)
    except Stopped:
        pass
    except SystemExit as error:
        status = status_of(error)
    except NotFound as error:
        print(error, file=sys.stderr)
        status, why = 1, str(error)
    except BaseException as error:
        traceback.print_exc()
        status, why = 1, f"{doing} {described(error)}"
    if sensor is not None:
        clean_up(link, sensor)
    if why is not None:
        link.say({"failing": why[:SHOWN]})
    return status


def start(order):
    link = Link(begin("a sensor"), order["longest"])
    signal.signal(signal.SIGTERM, link.stop)
    start_thread(link.listen, (TOLD, order["grace"]))
    try:
        status = serve(link, order)
    except Stopped:
        # Told to end when it was about to.
        status = 0
    end(status)


start(json.loads(TOLD.readline()))
