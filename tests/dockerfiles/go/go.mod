module example/app
